# What spawn would tell its children of the main module.
import multiprocessing.spawn
data = multiprocessing.spawn.get_preparation_data("child")
data.pop("authkey")
print(sorted(data.items()))
