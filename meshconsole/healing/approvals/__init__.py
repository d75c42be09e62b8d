"""Where people answer: the queue, the page, REST, and links that carry one decision."""
