"""What became of submissions, drawn for people and for other programs: pure, and each a file of its own."""
