

  
	
# silent
# Only blank lines and a comment in the middle.

