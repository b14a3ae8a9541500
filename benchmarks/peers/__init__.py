"""The GRU of dlgru and of other libraries, each behind the same few functions.

A file for each library, named ``<library>_gru.py``, so that none hides the library itself.
It has ``VERSION``, ``prepare(threads, folder)`` and ``make(problem)``, which returns a
:class:`~peers.problem.Task`; ``NotOfferedError`` says that the library cannot do a problem.
"""
