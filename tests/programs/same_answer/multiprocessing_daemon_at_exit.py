# A daemon child is ended when the program ends; another is waited for.
import multiprocessing, time
def slow(): time.sleep(60)
def quick(): time.sleep(0.3); print("quick done", flush=True)
if __name__ == "__main__":
    multiprocessing.Process(target=slow, daemon=True).start()
    multiprocessing.Process(target=quick).start()
    print("main done", flush=True)
