# Nothing but comments.
# silent
