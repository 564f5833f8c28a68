# cmd.Cmd over standard input.
# case: {"stdin": "greet Ann\nnothing\nquit\n"}
import cmd
class Shell(cmd.Cmd):
    prompt = "> "
    use_rawinput = False
    def do_greet(self, who): self.stdout.write(f"hello {who}\n")
    def do_quit(self, _): return True
Shell().cmdloop()
