# quit with a text.
quit("goodbye")
