# Site adds exit, quit, help and others to the builtins; a zygote started with -S has none.
import builtins
print(list(vars(builtins)))
