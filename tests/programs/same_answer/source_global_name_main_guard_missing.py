# Everything at the top, no guard, imported by itself through multiprocessing's helper functions.
import runpy
if __name__ == "__main__":
    print(runpy.run_path(__file__, run_name="x")["value"])
value = 7
