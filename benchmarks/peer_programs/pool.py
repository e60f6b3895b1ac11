"""A plain process pool, with the large chunks that its documentation recommends for long iterables."""

from concurrent.futures import ProcessPoolExecutor

from work import count_words, folders, timed

if __name__ == "__main__":
    pairs, processes = folders()
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(abs, range(processes)))  # the processes are there before the clock starts
        timed(lambda: list(pool.map(count_words, *zip(*pairs, strict=True), chunksize=len(pairs) // 64 + 1)))
