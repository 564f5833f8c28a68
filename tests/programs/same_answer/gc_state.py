# A zygote freezes or disables the collector for its own good.
import gc
print(gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), gc.get_debug(), gc.garbage, gc.callbacks)
