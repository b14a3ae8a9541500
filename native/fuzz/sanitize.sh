#!/bin/sh
# Builds the C code and runs the fuzz: with AddressSanitizer and UndefinedBehaviorSanitizer, with
# ThreadSanitizer, and with none.
#
#     native/fuzz/sanitize.sh [seconds of each fuzz, 15] [seed, 1]
#
# CC may name another compiler than cc.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-15} seed=${2:-1} CC=${CC:-cc}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

# The flags are those of setup.py but for the level of optimisation.
common="-O1 -g -fno-omit-frame-pointer -Wall -Wextra -Werror -I. -Ifuzz
    -fno-math-errno -fno-trapping-math -ffp-contract=fast"
avx2="-mavx2 -mfma"
avx512="$avx2 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mprefer-vector-width=512"

kernels() { # instruction set, bytes of a vector, flags: prints the define if the compiler has it
    set_name=$1 width=$2
    shift 2
    for bits in 32 64; do
        "$CC" $common $sanitizer "$@" -DREAL_BITS=$bits -DLANES=$((8 * width / bits)) \
            -DSUFFIX=f${bits}_$set_name -c kernel.c -o "$made/f${bits}_$set_name.o" || return 0
    done
    echo "-DHAVE_$(echo "$set_name" | tr a-z A-Z)"
}

check() { # flags of the sanitizer, instruction sets beyond the baseline, when to fork
    sanitizer=$1
    rm -f "$made"/*
    kernels baseline 16 >"$made/defines_baseline" &
    for name in $2; do
        case $name in
            avx2) kernels avx2 32 $avx2 >"$made/defines_avx2" & ;;
            avx512) kernels avx512 64 $avx512 >"$made/defines_avx512" & ;;
        esac
    done
    wait
    test -s "$made/defines_baseline"
    defines=$(cat "$made"/defines_*)
    sources=$(ls *.c | grep -v -e '^kernel\.c$' -e '^module\.c$')
    "$CC" $common $sanitizer $defines $sources fuzz/*.c "$made"/*.o -o "$made/fuzz" -lpthread -lm
    echo "${sanitizer:-without a sanitizer}" $defines
    "$made/fuzz" "$seconds" "$seed" "$3"
}

case $(uname -m) in
    x86_64 | amd64) more="avx2 avx512" ;;
    *) more= ;;
esac
# DLGRU_IMPATIENT: parts give up waiting for each other at every other opportunity (barrier.c).
check "-fsanitize=address,undefined -fno-sanitize-recover=all -DDLGRU_IMPATIENT" "$more" after
# How parts share the work is the same in every instruction set.
check "-fsanitize=thread -DDLGRU_IMPATIENT" "" never
# The sanitizers' own locks do not survive a fork in the midst of other threads.
check "" "" meanwhile
