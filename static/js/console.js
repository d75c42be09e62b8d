// Loaded by every signed-in page.
import "./frame.js";
import "./keys.js";
import "./live.js";
