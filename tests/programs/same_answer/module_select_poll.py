# poll and epoll.
import os, select
r, w = os.pipe(); p = select.poll(); p.register(r, select.POLLIN); os.write(w, b"1"); print(p.poll(100), select.epoll().closed)
