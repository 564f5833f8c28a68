"""Problem packages of other systems: one small module a format, and what all of them share."""
