"""MATLAB deep-learning arrays in Python, with the gated recurrent unit at the heart.

Functions have MATLAB's names and meaning (dimensions and index values count from 1),
Python brackets have Python's, and ``X.m[...]`` is MATLAB's ``X(...)``.  This file is
the public list; ``from dlgru import *`` leaves out the names that would shadow a
Python builtin (they are there as ``dlgru.sum`` and so on, and in ``dlgru.matlab``).
"""

from dlgru import allocator as _allocator
from dlgru import kernels as kernels
from dlgru.array import DLArray as DLArray
from dlgru.autodiff import dlfeval as dlfeval
from dlgru.autodiff import dlgradient as dlgradient
from dlgru.cells import Cell as Cell
from dlgru.cells import cell as cell
from dlgru.cells import iscell as iscell
from dlgru.checkgrad import checkgrad as checkgrad
from dlgru.endmark import end as end
from dlgru.errors import DlgruAttributeError as DlgruAttributeError
from dlgru.errors import DlgruError as DlgruError
from dlgru.errors import DlgruIndexError as DlgruIndexError
from dlgru.errors import DlgruMemoryError as DlgruMemoryError
from dlgru.errors import DlgruTypeError as DlgruTypeError
from dlgru.errors import DlgruValueError as DlgruValueError
from dlgru.errors import DlgruWarning as DlgruWarning
from dlgru.fields import fieldnames as fieldnames
from dlgru.fields import getfield as getfield
from dlgru.fields import isfield as isfield
from dlgru.fields import isstruct as isstruct
from dlgru.fields import orderfields as orderfields
from dlgru.fields import rmfield as rmfield
from dlgru.fields import setfield as setfield
from dlgru.fields import struct as struct
from dlgru.mapping import arrayfun as arrayfun
from dlgru.mapping import cellfun as cellfun
from dlgru.mfunction import mfunction as mfunction
from dlgru.onehot import onehotdecode as onehotdecode
from dlgru.onehot import onehotencode as onehotencode
from dlgru.ops import index as _subscripts  # noqa: F401 - installs X[...] and X.m[...]
from dlgru.ops.activation import leakyrelu as leakyrelu
from dlgru.ops.activation import relu as relu
from dlgru.ops.activation import sigmoid as sigmoid
from dlgru.ops.activation import softmax as softmax
from dlgru.ops.arithmetic import minus as minus
from dlgru.ops.arithmetic import plus as plus
from dlgru.ops.arithmetic import power as power
from dlgru.ops.arithmetic import rdivide as rdivide
from dlgru.ops.arithmetic import times as times
from dlgru.ops.arithmetic import uminus as uminus
from dlgru.ops.classes import cast as cast
from dlgru.ops.classes import conj as conj
from dlgru.ops.classes import double as double
from dlgru.ops.classes import imag as imag
from dlgru.ops.classes import isUnderlyingType as isUnderlyingType
from dlgru.ops.classes import logical as logical
from dlgru.ops.classes import real as real
from dlgru.ops.classes import single as single
from dlgru.ops.classes import underlyingType as underlyingType
from dlgru.ops.compare import and_ as and_
from dlgru.ops.compare import eq as eq
from dlgru.ops.compare import ge as ge
from dlgru.ops.compare import gt as gt
from dlgru.ops.compare import le as le
from dlgru.ops.compare import lt as lt
from dlgru.ops.compare import ne as ne
from dlgru.ops.compare import not_ as not_
from dlgru.ops.compare import or_ as or_
from dlgru.ops.compare import xor as xor
from dlgru.ops.complexdata import complex as complex
from dlgru.ops.connect import embed as embed
from dlgru.ops.connect import fullyconnect as fullyconnect
from dlgru.ops.create import Inf as Inf
from dlgru.ops.create import NaN as NaN
from dlgru.ops.create import colon as colon
from dlgru.ops.create import eye as eye
from dlgru.ops.create import false as false
from dlgru.ops.create import linspace as linspace
from dlgru.ops.create import ones as ones
from dlgru.ops.create import rand as rand
from dlgru.ops.create import randi as randi
from dlgru.ops.create import randn as randn
from dlgru.ops.create import randperm as randperm
from dlgru.ops.create import true as true
from dlgru.ops.create import zeros as zeros
from dlgru.ops.elementwise import abs as abs
from dlgru.ops.elementwise import cos as cos
from dlgru.ops.elementwise import exp as exp
from dlgru.ops.elementwise import expm1 as expm1
from dlgru.ops.elementwise import log as log
from dlgru.ops.elementwise import log1p as log1p
from dlgru.ops.elementwise import sign as sign
from dlgru.ops.elementwise import sin as sin
from dlgru.ops.elementwise import sqrt as sqrt
from dlgru.ops.elementwise import tanh as tanh
from dlgru.ops.expand import repmat as repmat
from dlgru.ops.extrema import max as max
from dlgru.ops.extrema import min as min
from dlgru.ops.fastdoor import gru as gru
from dlgru.ops.format import dims as dims
from dlgru.ops.format import dlarray as dlarray
from dlgru.ops.format import extractdata as extractdata
from dlgru.ops.format import finddim as finddim
from dlgru.ops.format import isdlarray as isdlarray
from dlgru.ops.format import stripdims as stripdims
from dlgru.ops.gpu import canUseGPU as canUseGPU
from dlgru.ops.gpu import gather as gather
from dlgru.ops.gpu import gpuArray as gpuArray
from dlgru.ops.gpu import gpuDevice as gpuDevice
from dlgru.ops.gpu import isgpuarray as isgpuarray
from dlgru.ops.inquiry import isempty as isempty
from dlgru.ops.inquiry import isequal as isequal
from dlgru.ops.inquiry import length as length
from dlgru.ops.inquiry import ndims as ndims
from dlgru.ops.inquiry import numel as numel
from dlgru.ops.inquiry import size as size
from dlgru.ops.join import cat as cat
from dlgru.ops.join import flip as flip
from dlgru.ops.join import horzcat as horzcat
from dlgru.ops.join import vertcat as vertcat
from dlgru.ops.linalg import ctranspose as ctranspose
from dlgru.ops.linalg import mtimes as mtimes
from dlgru.ops.linalg import pagemtimes as pagemtimes
from dlgru.ops.linalg import pagetranspose as pagetranspose
from dlgru.ops.loss import crossentropy as crossentropy
from dlgru.ops.loss import l1loss as l1loss
from dlgru.ops.loss import l2loss as l2loss
from dlgru.ops.loss import mse as mse
from dlgru.ops.reduction import all as all
from dlgru.ops.reduction import any as any
from dlgru.ops.reduction import mean as mean
from dlgru.ops.reduction import prod as prod
from dlgru.ops.reduction import sum as sum
from dlgru.ops.rounding import ceil as ceil
from dlgru.ops.rounding import fix as fix
from dlgru.ops.rounding import floor as floor
from dlgru.ops.rounding import round as round
from dlgru.ops.shape import ipermute as ipermute
from dlgru.ops.shape import permute as permute
from dlgru.ops.shape import reshape as reshape
from dlgru.ops.shape import squeeze as squeeze
from dlgru.ops.shape import transpose as transpose
from dlgru.protocols import copy as copy
from dlgru.rng import rng as rng
from dlgru.tables import istable as istable
from dlgru.tables import table as table
from dlgru.threads import get_num_threads as get_num_threads
from dlgru.threads import set_num_threads as set_num_threads
from dlgru.training.batches import padsequences as padsequences
from dlgru.training.leafwise import dlupdate as dlupdate
from dlgru.training.updates import adamupdate as adamupdate
from dlgru.training.updates import rmspropupdate as rmspropupdate
from dlgru.training.updates import sgdmupdate as sgdmupdate

__version__ = "0.1.0"

_allocator.keep_freed_memory()

__all__ = [
    "Cell",
    "DLArray",
    "DlgruAttributeError",
    "DlgruError",
    "DlgruIndexError",
    "DlgruMemoryError",
    "DlgruTypeError",
    "DlgruValueError",
    "DlgruWarning",
    "Inf",
    "NaN",
    "adamupdate",
    "and_",
    "arrayfun",
    "canUseGPU",
    "cast",
    "cat",
    "ceil",
    "cell",
    "cellfun",
    "checkgrad",
    "colon",
    "conj",
    "copy",
    "cos",
    "crossentropy",
    "ctranspose",
    "dims",
    "dlarray",
    "dlfeval",
    "dlgradient",
    "dlupdate",
    "double",
    "embed",
    "end",
    "eq",
    "exp",
    "expm1",
    "extractdata",
    "eye",
    "false",
    "fieldnames",
    "finddim",
    "fix",
    "flip",
    "floor",
    "fullyconnect",
    "gather",
    "ge",
    "get_num_threads",
    "getfield",
    "gpuArray",
    "gpuDevice",
    "gru",
    "gt",
    "horzcat",
    "imag",
    "ipermute",
    "isUnderlyingType",
    "iscell",
    "isdlarray",
    "isempty",
    "isequal",
    "isfield",
    "isgpuarray",
    "isstruct",
    "istable",
    "l1loss",
    "l2loss",
    "le",
    "leakyrelu",
    "length",
    "linspace",
    "log",
    "log1p",
    "logical",
    "lt",
    "mean",
    "mfunction",
    "minus",
    "mse",
    "mtimes",
    "ndims",
    "ne",
    "not_",
    "numel",
    "onehotdecode",
    "onehotencode",
    "ones",
    "or_",
    "orderfields",
    "padsequences",
    "pagemtimes",
    "pagetranspose",
    "permute",
    "plus",
    "power",
    "prod",
    "rand",
    "randi",
    "randn",
    "randperm",
    "rdivide",
    "real",
    "relu",
    "repmat",
    "reshape",
    "rmfield",
    "rmspropupdate",
    "rng",
    "set_num_threads",
    "setfield",
    "sgdmupdate",
    "sigmoid",
    "sign",
    "sin",
    "single",
    "size",
    "softmax",
    "sqrt",
    "squeeze",
    "stripdims",
    "struct",
    "table",
    "tanh",
    "times",
    "transpose",
    "true",
    "uminus",
    "underlyingType",
    "vertcat",
    "xor",
    "zeros",
]
