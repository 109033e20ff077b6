/* Where an HdrHistogram keeps a value: lowest discernible value 1, 3 significant
 * digits, highest trackable value 3.6e12 (an hour in ns). Plain C without
 * includes, so that a BPF program and the C++ that reads its array of slots
 * share one arithmetic.
 *
 * Values below 2048 have a slot each. Above, every doubling is cut into 1024
 * slots, so a slot is never wider than 1/1024 of its values.
 * Formulas: HdrHistogram, AbstractHistogram.java. */
#pragma once

#define NETSTALL_HDR_DIGITS 3
#define NETSTALL_HDR_HIGHEST_TRACKABLE 3600000000000ULL
/* log2 of the 1024 slots by which each doubling grows the array. */
#define NETSTALL_HDR_HALF_MAGNITUDE 10
#define NETSTALL_HDR_HALF_COUNT 1024ULL
#define NETSTALL_HDR_SUB_BUCKETS 2048ULL
/* 2048 << 31 is the first power of two times 2048 above the highest trackable value. */
#define NETSTALL_HDR_BUCKETS 32
#define NETSTALL_HDR_SLOTS 33792

#ifdef __cplusplus
#define NETSTALL_HDR_FUNCTION constexpr inline
#else
#define NETSTALL_HDR_FUNCTION static inline __attribute__((always_inline))
#endif

/* floor(log2(value)) of 1 <= value < 2^63. Free of branches: BPF has no
 * instruction for it, and the verifier would follow both sides of each. The top
 * bit of (limit - value) says whether value is above the limit. */
NETSTALL_HDR_FUNCTION unsigned long long netstall_hdr_log2_ladder(unsigned long long value) {
  unsigned long long result = ((0xffffffffULL - value) >> 63) << 5;
  value >>= result;
  unsigned long long step = ((0xffffULL - value) >> 63) << 4;
  value >>= step;
  result |= step;
  step = ((0xffULL - value) >> 63) << 3;
  value >>= step;
  result |= step;
  step = ((0xfULL - value) >> 63) << 2;
  value >>= step;
  result |= step;
  step = ((0x3ULL - value) >> 63) << 1;
  value >>= step;
  result |= step;
  return result | (value >> 1);
}

NETSTALL_HDR_FUNCTION unsigned long long netstall_hdr_log2(unsigned long long value) {
#ifdef __cplusplus
  return 63U - static_cast<unsigned>(__builtin_clzll(value));
#else
  return netstall_hdr_log2_ladder(value);
#endif
}

/* The slot of a value. Values above the highest trackable one share its slot. */
NETSTALL_HDR_FUNCTION unsigned long long netstall_hdr_index_of(unsigned long long value) {
  if (value > NETSTALL_HDR_HIGHEST_TRACKABLE) value = NETSTALL_HDR_HIGHEST_TRACKABLE;
  const unsigned long long bucket =
      netstall_hdr_log2(value | (NETSTALL_HDR_SUB_BUCKETS - 1)) - NETSTALL_HDR_HALF_MAGNITUDE;
  unsigned long long index = (bucket << NETSTALL_HDR_HALF_MAGNITUDE) + (value >> bucket);
#ifdef __bpf__
  /* Never taken. The verifier cannot follow the arithmetic above, and wants to
   * see the index of an array bounded; the asm keeps the compiler from knowing
   * better and dropping the bound. */
  __asm__ volatile("" : "+r"(index));
  if (index >= NETSTALL_HDR_SLOTS) index = NETSTALL_HDR_SLOTS - 1;
#endif
  return index;
}

/* The power of two by which the slot's values are divided. Index < NETSTALL_HDR_SLOTS. */
NETSTALL_HDR_FUNCTION unsigned long long netstall_hdr_shift_of_index(unsigned long long index) {
  return index < NETSTALL_HDR_SUB_BUCKETS ? 0 : (index >> NETSTALL_HDR_HALF_MAGNITUDE) - 1;
}

/* The lowest value that the slot counts. Index < NETSTALL_HDR_SLOTS. */
NETSTALL_HDR_FUNCTION unsigned long long netstall_hdr_lowest_of_index(unsigned long long index) {
  const unsigned long long shift = netstall_hdr_shift_of_index(index);
  return (index - (shift << NETSTALL_HDR_HALF_MAGNITUDE)) << shift;
}

/* The highest value that the slot counts. Index < NETSTALL_HDR_SLOTS. */
NETSTALL_HDR_FUNCTION unsigned long long netstall_hdr_highest_of_index(unsigned long long index) {
  return netstall_hdr_lowest_of_index(index) + (1ULL << netstall_hdr_shift_of_index(index)) - 1;
}

/* The middle of the slot, rounded up. Index < NETSTALL_HDR_SLOTS. */
NETSTALL_HDR_FUNCTION unsigned long long netstall_hdr_median_of_index(unsigned long long index) {
  return netstall_hdr_lowest_of_index(index) + ((1ULL << netstall_hdr_shift_of_index(index)) >> 1);
}
