"""The speed that Headwater promises, measured on this machine.

    python -m benchmarks [NAME…] [--sizes] [--json FILE]

Machines differ and are noisy, so what is compared is measured in turns within
one run, and every figure says how far it spread. Nothing here is a test:
whether a promise holds is a field of the result, read by people.
"""
