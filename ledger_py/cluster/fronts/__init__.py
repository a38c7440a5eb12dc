"""Fronts: databases without data, whose functions ask the partitions through PL/Proxy.

Everything in a front is made from the catalogue of a partition (`interface`): the functions and
views of schema `ledger`, under the same names, and the rights to them. `routing` says which
partitions each asks, `functions` writes those of a front, and `doors` what a partition answers.
The parts of both that nothing can be made from are in `sql/fronts/`. The design is that of the
PL/Proxy tutorial (https://plproxy.github.io/tutorial.html), but for doors that answer refusals.
"""
