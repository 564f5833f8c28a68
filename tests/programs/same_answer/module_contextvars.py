# The context at start is empty.
import contextvars
print(len(contextvars.copy_context()))
v = contextvars.ContextVar("v", default=1)
token = v.set(2)
print(v.get(), len(contextvars.copy_context()), token.old_value is contextvars.Token.MISSING)
