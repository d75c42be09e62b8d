"""The nouns everybody shares: applications, units, groups, interfaces, instances."""
