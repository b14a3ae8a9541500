"""MATLAB deep-learning arrays in Python, with the gated recurrent unit at the heart.

Functions have MATLAB's names and meaning (dimensions and index values count from 1),
Python brackets have Python's, and ``X.m[...]`` is MATLAB's ``X(...)``.
"""

from dlgru.array import DLArray as DLArray
from dlgru.autodiff import dlfeval as dlfeval
from dlgru.autodiff import dlgradient as dlgradient
from dlgru.errors import DlgruError as DlgruError
from dlgru.ops.activation import leakyrelu as leakyrelu
from dlgru.ops.activation import relu as relu
from dlgru.ops.activation import sigmoid as sigmoid
from dlgru.ops.activation import softmax as softmax
