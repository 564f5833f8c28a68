# A child of a loop: SIGCHLD, threads or pidfd.
import asyncio
async def main():
    p = await asyncio.create_subprocess_exec("echo", "hello", stdout=asyncio.subprocess.PIPE)
    print(await p.communicate(), p.returncode)
asyncio.run(main())
