# Bubble sort and merge sort.
def bubble(a):
    a = a[:]
    for i in range(len(a)):
        for j in range(len(a) - 1 - i):
            if a[j] > a[j + 1]:
                a[j], a[j + 1] = a[j + 1], a[j]
    return a
def merge_sort(a):
    if len(a) < 2: return a
    l, r = merge_sort(a[:len(a) // 2]), merge_sort(a[len(a) // 2:])
    return [(l if l and (not r or l[0] <= r[0]) else r).pop(0) for _ in range(len(a))]
data = [5, 3, 9, 1, 1, 8]
print(bubble(data), merge_sort(data), sorted(data, reverse=True))
