# Objects in cycles are finalised at exit as well.
class C:
    def __del__(self):
        print("collected")
c = C()
c.me = c
del c
print("end")
