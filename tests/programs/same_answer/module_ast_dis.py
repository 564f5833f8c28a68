# Compiler tools.
import ast, dis
print(ast.dump(ast.parse("x = 1 + y")), eval(compile(ast.parse("2**10", mode="eval"), "", "eval")))
def f(a): return a + 1
print([i.opname for i in dis.get_instructions(f)])
