"""The commands, one file for each circle of users; `cli` puts them together."""
