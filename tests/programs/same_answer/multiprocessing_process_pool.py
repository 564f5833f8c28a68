# concurrent.futures with processes.
import concurrent.futures
def cube(n): return n ** 3
if __name__ == "__main__":
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        print(list(pool.map(cube, range(5))))
