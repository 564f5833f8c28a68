# Raising something else.
raise "text"
