# A remote traceback.
# normalise: 0x[0-9a-f]+ (an address)
import multiprocessing
def fail(n):
    return 1 / n
if __name__ == "__main__":
    with multiprocessing.Pool(1) as pool:
        try:
            pool.apply(fail, (0,))
        except ZeroDivisionError as error:
            print(type(error.__cause__).__name__)
            print(error.__cause__)
