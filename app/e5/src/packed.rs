//! Products with 4-bit weights on processors with AVX2 or AVX-512 VNNI, without unpacking them to floats.
//!
//! The inputs of a layer are rounded to 8 bits, each run of 32 by its own scale, as llama.cpp does it. One instruction then
//! multiplies 32 pairs and adds neighbours, where the float unit multiplies 8, and the weights take a sixth of the
//! memory. The vectors are as near to the original engine's as those of floats (cosine 0.9999).
//!
//! Weights are arranged for that instruction: eight rows together, and of each block of 32 columns four columns of all
//! eight rows in one register, two registers in the halves of 32 bytes.

use crate::format::{BLOCK, BLOCK_BYTES};
use half::f16;

/// Rows that are computed together: the floats in a register.
const ROWS: usize = 8;
/// Registers of 8 rows and 4 columns in a block.
const QUADS: usize = BLOCK / 4;
/// Inputs that share one unpacking of weights; more do not fit into the sixteen registers of AVX2.
const TILE: usize = 3;
/// The same for the thirty-two registers of AVX-512.
const WIDE_TILE: usize = 8;

/// Whether this processor can.
pub(crate) fn is_supported() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// Eight rows of one block.
#[derive(Clone, Copy)]
struct PackedBlock {
    /// Register `j` in the low halves and `j + 4` in the high ones.
    halves: [[u8; 32]; QUADS / 2],
    scales: [f32; ROWS],
}

/// Whether it also multiplies and sums four pairs a lane, in registers twice as wide.
#[cfg(target_arch = "x86_64")]
fn is_wide() -> bool {
    std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vnni")
}

/// A matrix of 4-bit weights, one row per output.
pub(crate) struct PackedMatrix {
    /// By group of eight rows, then by block.
    blocks: Vec<PackedBlock>,
    blocks_per_row: usize,
}

/// Inputs rounded to 8 bits.
#[derive(Default)]
pub(crate) struct Rounded {
    blocks: Vec<RoundedBlock>,
}

/// 32 inputs.
#[derive(Clone, Copy)]
struct RoundedBlock {
    /// Four to a word, in order.
    quads: [i32; QUADS],
    scale: f32,
    /// Eight times their sum: weights are stored with 8 added.
    excess: i32,
}

impl PackedMatrix {
    /// Arranges rows of blocks as the file has them. `rows` must be a multiple of eight.
    pub(crate) fn new(file: &[u8], rows: usize, columns: usize) -> Self {
        let blocks_per_row = columns / BLOCK;
        let mut blocks = Vec::with_capacity(rows / ROWS * blocks_per_row);
        for group in file.chunks_exact(ROWS * blocks_per_row * BLOCK_BYTES) {
            for n in 0..blocks_per_row {
                let mut packed = PackedBlock { halves: [[0; 32]; QUADS / 2], scales: [0.0; ROWS] };
                for row in 0..ROWS {
                    let block = &group[(row * blocks_per_row + n) * BLOCK_BYTES..][..BLOCK_BYTES];
                    packed.scales[row] = f16::from_le_bytes([block[0], block[1]]).to_f32();
                    // The file too has weights 0 to 15 in low halves and 16 to 31 in high ones.
                    for (column, byte) in block[2..].iter().enumerate() {
                        packed.halves[column / 4][row * 4 + column % 4] = *byte;
                    }
                }
                blocks.push(packed);
            }
        }
        Self { blocks, blocks_per_row }
    }

    /// `outputs = bias + weights * inputs`, for each row of inputs.
    ///
    /// # Panics
    /// Sizes that do not fit together: a mistake in this crate.
    pub(crate) fn apply(&self, inputs: &Rounded, bias: &[f32], outputs: &mut [f32]) {
        let rows = bias.len();
        assert_eq!(self.blocks.len(), rows / ROWS * self.blocks_per_row, "weights and bias do not fit together");
        assert_eq!(inputs.blocks.len() / self.blocks_per_row, outputs.len() / rows, "inputs and outputs do not fit");
        #[cfg(target_arch = "x86_64")]
        if is_supported() {
            #[expect(unsafe_code, reason = "the features that each needs were found on the line above it")]
            // SAFETY: as the reason says.
            unsafe {
                // Two groups of rows at once; an odd one is left to the narrower registers.
                let paired = if is_wide() { avx512::apply(self, inputs, bias, outputs) } else { 0 };
                avx2::apply(self, paired, inputs, bias, outputs);
            }
            return;
        }
        self.apply_plainly(inputs, bias, outputs);
    }

    /// The same sums without vector instructions: what the fast way is tested against.
    fn apply_plainly(&self, inputs: &Rounded, bias: &[f32], outputs: &mut [f32]) {
        let rows = bias.len();
        for (input, output) in inputs.blocks.chunks_exact(self.blocks_per_row).zip(outputs.chunks_exact_mut(rows)) {
            for (n, value) in output.iter_mut().enumerate() {
                let group = &self.blocks[n / ROWS * self.blocks_per_row..][..self.blocks_per_row];
                *value = bias[n];
                for (weights, input) in group.iter().zip(input) {
                    let mut sum = input.excess.wrapping_neg();
                    for (quad, word) in input.quads.iter().enumerate() {
                        for (column, byte) in word.to_le_bytes().into_iter().enumerate() {
                            let pair = weights.halves[quad % 4][n % ROWS * 4 + column];
                            let weight = if quad < 4 { pair & 15 } else { pair >> 4 };
                            sum = sum.wrapping_add(i32::from(weight) * i32::from(byte.cast_signed()));
                        }
                    }
                    *value += sum as f32 * (weights.scales[n % ROWS] * input.scale);
                }
            }
        }
    }
}

impl Rounded {
    /// Rounds rows of inputs; their length is a multiple of 32.
    pub(crate) fn round(&mut self, inputs: &[f32]) {
        let empty = RoundedBlock { quads: [0; QUADS], scale: 0.0, excess: 0 };
        self.blocks.resize(inputs.len() / BLOCK, empty);
        #[cfg(target_arch = "x86_64")]
        if is_supported() {
            #[expect(unsafe_code, reason = "the two features it needs were found on the line above")]
            // SAFETY: as the reason says.
            unsafe {
                avx2::round(inputs, &mut self.blocks);
            }
            return;
        }
        round_blocks(inputs, &mut self.blocks);
    }
}

#[inline(always)]
fn round_blocks(inputs: &[f32], blocks: &mut [RoundedBlock]) {
    /// 1.5 * 2^23: adding it rounds to a whole number, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    for (values, block) in inputs.as_chunks::<BLOCK>().0.iter().zip(blocks) {
        let mut largest = [0.0_f32; 8];
        for eight in values.as_chunks::<8>().0 {
            for (most, value) in largest.iter_mut().zip(eight) {
                *most = if value.abs() > *most { value.abs() } else { *most };
            }
        }
        let largest = largest.into_iter().fold(0.0, f32::max);
        let (scale, inverse) = if largest > 0.0 { (largest / 127.0, 127.0 / largest) } else { (0.0, 0.0) };
        let mut whole = [0_i32; BLOCK];
        for (whole, value) in whole.iter_mut().zip(values) {
            *whole = (value * inverse + ROUND).to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
        }
        let sum: i32 = whole.iter().fold(0, |sum, value| sum.wrapping_add(*value));
        for (word, four) in block.quads.iter_mut().zip(whole.as_chunks::<4>().0) {
            *word = i32::from_le_bytes(four.map(|value| value as u8));
        }
        block.scale = scale;
        block.excess = sum.wrapping_mul(8);
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256, __m256i, _mm256_add_epi16, _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
        _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8,
        _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_srli_epi16, _mm256_storeu_ps, _mm256_sub_epi32,
    };

    use super::{PackedBlock, PackedMatrix, QUADS, ROWS, Rounded, RoundedBlock, TILE};

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn round(inputs: &[f32], blocks: &mut [RoundedBlock]) {
        super::round_blocks(inputs, blocks);
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn apply(matrix: &PackedMatrix, from: usize, inputs: &Rounded, bias: &[f32], outputs: &mut [f32]) {
        let (per_row, rows) = (matrix.blocks_per_row, bias.len());
        let biases = bias.as_chunks::<ROWS>().0;
        // Groups outside: the weights of a group stay in the nearest cache while all inputs pass by.
        for (n, (weights, bias)) in matrix.blocks.chunks_exact(per_row).zip(biases).enumerate().skip(from) {
            let mut inputs = inputs.blocks.chunks_exact(per_row * TILE);
            let mut outputs = outputs.chunks_exact_mut(rows * TILE);
            for (inputs, outputs) in (&mut inputs).zip(&mut outputs) {
                tile::<TILE>(weights, inputs, bias, outputs, rows, n);
            }
            let (inputs, outputs) = (inputs.remainder(), outputs.into_remainder());
            for (input, output) in inputs.chunks_exact(per_row).zip(outputs.chunks_exact_mut(rows)) {
                tile::<1>(weights, input, bias, output, rows, n);
            }
        }
    }

    /// Eight outputs of each of `T` inputs.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn tile<const T: usize>(
        weights: &[PackedBlock],
        inputs: &[RoundedBlock],
        bias: &[f32; ROWS],
        outputs: &mut [f32],
        rows: usize,
        group: usize,
    ) {
        let per_row = weights.len();
        let mut sums = [load_floats(bias); T];
        let ones = _mm256_set1_epi16(1);
        let low = _mm256_set1_epi8(15);
        for (n, block) in weights.iter().enumerate() {
            let mut quads = [_mm256_set1_epi8(0); QUADS];
            for (j, halves) in block.halves.iter().enumerate() {
                let halves = load_bytes(halves);
                quads[j] = _mm256_and_si256(halves, low);
                quads[j + QUADS / 2] = _mm256_and_si256(_mm256_srli_epi16::<4>(halves), low);
            }
            let scales = load_floats(&block.scales);
            for (t, sum) in sums.iter_mut().enumerate() {
                let input = &inputs[t * per_row + n];
                // 0 to 15 times -127 to 127, sixteen of them: at most 30,480, which 16 bits hold.
                let mut products = _mm256_maddubs_epi16(quads[0], _mm256_set1_epi32(input.quads[0]));
                for (weights, values) in quads.iter().zip(&input.quads).skip(1) {
                    let next = _mm256_maddubs_epi16(*weights, _mm256_set1_epi32(*values));
                    products = _mm256_add_epi16(products, next);
                }
                let whole = _mm256_sub_epi32(_mm256_madd_epi16(products, ones), _mm256_set1_epi32(input.excess));
                let scale = _mm256_mul_ps(scales, _mm256_set1_ps(input.scale));
                *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), scale, *sum);
            }
        }
        for (sum, output) in sums.iter().zip(outputs.chunks_exact_mut(rows)) {
            if let Some(output) = output.as_chunks_mut::<ROWS>().0.get_mut(group) {
                store_floats(output, *sum);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_bytes(bytes: &[u8; 32]) -> __m256i {
        #[expect(unsafe_code, reason = "reads the 32 bytes of the array, at any alignment")]
        // SAFETY: as the reason says.
        unsafe {
            _mm256_loadu_si256(bytes.as_ptr().cast())
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load_floats(floats: &[f32; ROWS]) -> __m256 {
        #[expect(unsafe_code, reason = "reads the 8 floats of the array, at any alignment")]
        // SAFETY: as the reason says.
        unsafe {
            _mm256_loadu_ps(floats.as_ptr())
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn store_floats(floats: &mut [f32; ROWS], value: __m256) {
        #[expect(unsafe_code, reason = "writes the 8 floats of the array, at any alignment")]
        // SAFETY: as the reason says.
        unsafe {
            _mm256_storeu_ps(floats.as_mut_ptr(), value);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m256i, __m512, __m512i, _mm256_castps_si256, _mm256_loadu_ps, _mm256_loadu_si256, _mm512_and_si512,
        _mm512_castsi256_si512, _mm512_castsi512_ps, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps,
        _mm512_inserti64x4, _mm512_mul_ps, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_srli_epi16,
        _mm512_storeu_ps,
    };

    use super::{PackedBlock, PackedMatrix, QUADS, ROWS, Rounded, RoundedBlock, WIDE_TILE};

    /// Computes pairs of groups; how many groups are done.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,fma")]
    pub(super) fn apply(matrix: &PackedMatrix, inputs: &Rounded, bias: &[f32], outputs: &mut [f32]) -> usize {
        let (per_row, rows) = (matrix.blocks_per_row, bias.len());
        let pairs = matrix.blocks.chunks_exact(per_row * 2);
        let biases = bias.as_chunks::<{ ROWS * 2 }>().0;
        for (n, (weights, bias)) in pairs.zip(biases).enumerate() {
            let mut inputs = inputs.blocks.chunks_exact(per_row * WIDE_TILE);
            let mut outputs = outputs.chunks_exact_mut(rows * WIDE_TILE);
            for (inputs, outputs) in (&mut inputs).zip(&mut outputs) {
                tile::<WIDE_TILE>(weights, inputs, bias, outputs, rows, n);
            }
            let (inputs, outputs) = (inputs.remainder(), outputs.into_remainder());
            for (input, output) in inputs.chunks_exact(per_row).zip(outputs.chunks_exact_mut(rows)) {
                tile::<1>(weights, input, bias, output, rows, n);
            }
        }
        rows / (ROWS * 2) * 2
    }

    /// Sixteen outputs of each of `T` inputs.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,fma")]
    fn tile<const T: usize>(
        weights: &[PackedBlock],
        inputs: &[RoundedBlock],
        bias: &[f32; ROWS * 2],
        outputs: &mut [f32],
        rows: usize,
        pair: usize,
    ) {
        let per_row = weights.len() / 2;
        let (upper, lower) = weights.split_at(per_row);
        let (first, second) = bias.split_at(ROWS);
        let mut sums = [match (first.as_array(), second.as_array()) {
            (Some(first), Some(second)) => floats(first, second),
            _ => _mm512_set1_ps(0.0),
        }; T];
        let low = _mm512_set1_epi8(15);
        for (n, (upper, lower)) in upper.iter().zip(lower).enumerate() {
            let mut quads = [_mm512_set1_epi8(0); QUADS];
            for (j, (upper, lower)) in upper.halves.iter().zip(&lower.halves).enumerate() {
                let halves = bytes(upper, lower);
                quads[j] = _mm512_and_si512(halves, low);
                quads[j + QUADS / 2] = _mm512_and_si512(_mm512_srli_epi16::<4>(halves), low);
            }
            let scales = floats(&upper.scales, &lower.scales);
            for (t, sum) in sums.iter_mut().enumerate() {
                let input = &inputs[t * per_row + n];
                let mut whole = _mm512_set1_epi32(input.excess.wrapping_neg());
                for (weights, values) in quads.iter().zip(&input.quads) {
                    whole = _mm512_dpbusd_epi32(whole, *weights, _mm512_set1_epi32(*values));
                }
                let scale = _mm512_mul_ps(scales, _mm512_set1_ps(input.scale));
                *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole), scale, *sum);
            }
        }
        for (sum, output) in sums.iter().zip(outputs.chunks_exact_mut(rows)) {
            if let Some(output) = output.as_chunks_mut::<{ ROWS * 2 }>().0.get_mut(pair) {
                #[expect(unsafe_code, reason = "writes the 16 floats of the array, at any alignment")]
                // SAFETY: as the reason says.
                unsafe {
                    _mm512_storeu_ps(output.as_mut_ptr(), *sum);
                }
            }
        }
    }

    /// Two registers side by side.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn joined(low: __m256i, high: __m256i) -> __m512i {
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx2")]
    fn bytes(low: &[u8; 32], high: &[u8; 32]) -> __m512i {
        #[expect(unsafe_code, reason = "reads the 32 bytes of each array, at any alignment")]
        // SAFETY: as the reason says.
        let (low, high) =
            unsafe { (_mm256_loadu_si256(low.as_ptr().cast()), _mm256_loadu_si256(high.as_ptr().cast())) };
        joined(low, high)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx2")]
    fn floats(low: &[f32; ROWS], high: &[f32; ROWS]) -> __m512 {
        #[expect(unsafe_code, reason = "reads the 8 floats of each array, at any alignment")]
        // SAFETY: as the reason says.
        let (low, high) = unsafe { (_mm256_loadu_ps(low.as_ptr()), _mm256_loadu_ps(high.as_ptr())) };
        _mm512_castsi512_ps(joined(_mm256_castps_si256(low), _mm256_castps_si256(high)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::unpack;

    /// Numbers that look random and are the same each time.
    fn noise(count: usize) -> impl Iterator<Item = u32> {
        let mut state = 0x2545_f491_u32;
        (0..count).map(move |_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        })
    }

    fn matrix(rows: usize, columns: usize) -> Vec<u8> {
        let mut file: Vec<u8> = noise(rows * columns / BLOCK * BLOCK_BYTES).map(|n| (n >> 9) as u8).collect();
        for (n, block) in file.chunks_exact_mut(BLOCK_BYTES).enumerate() {
            block[..2].copy_from_slice(&f16::from_f32(0.01 + (n % 7) as f32 * 0.003).to_le_bytes());
        }
        file
    }

    #[test]
    fn packed_products_equal_plain_ones_and_stay_near_those_of_floats() {
        // Whole tiles and rests, of inputs and of groups of rows.
        for (rows, columns, count) in [(8, 32, 1), (24, 96, 5), (64, 384, 9), (40, 64, 19)] {
            let file = matrix(rows, columns);
            let packed = PackedMatrix::new(&file, rows, columns);
            let inputs: Vec<f32> = noise(count * columns).map(|n| (n >> 8) as f32 / (1 << 23) as f32 - 1.0).collect();
            let bias: Vec<f32> = (0..rows).map(|n| n as f32).collect();
            let mut rounded = Rounded::default();
            rounded.round(&inputs);
            let (mut fast, mut plain) = (vec![0.0; count * rows], vec![0.0; count * rows]);
            packed.apply(&rounded, &bias, &mut fast);
            packed.apply_plainly(&rounded, &bias, &mut plain);
            let mut weights = vec![0.0; rows * columns];
            unpack(&file, &mut weights);
            for n in 0..count * rows {
                let (input, row) = (n / rows, n % rows);
                assert!((fast[n] - plain[n]).abs() < 1e-3, "{n}: {} {}", fast[n], plain[n]);
                let exact = bias[row]
                    + weights[row * columns..][..columns]
                        .iter()
                        .zip(&inputs[input * columns..][..columns])
                        .map(|(weight, value)| weight * value)
                        .sum::<f32>();
                assert!((fast[n] - exact).abs() < 0.05, "{n}: {} {exact}", fast[n]);
            }
        }
    }

    #[test]
    fn the_largest_values_do_not_overflow() {
        let mut file = vec![0xff_u8; 8 * BLOCK_BYTES];
        for block in file.chunks_exact_mut(BLOCK_BYTES) {
            block[..2].copy_from_slice(&f16::from_f32(1.0).to_le_bytes());
        }
        let packed = PackedMatrix::new(&file, 8, BLOCK);
        for value in [1.0_f32, -1.0] {
            let mut rounded = Rounded::default();
            rounded.round(&[value; BLOCK]);
            let mut outputs = [0.0; 8];
            packed.apply(&rounded, &[0.0; 8], &mut outputs);
            assert!(outputs.iter().all(|output| (output - 7.0 * 32.0 * value).abs() < 0.01), "{outputs:?}");
        }
    }

    #[test]
    fn zeros_and_what_is_no_number_do_not_panic() {
        let packed = PackedMatrix::new(&matrix(8, 32), 8, 32);
        for value in [0.0, f32::NAN, f32::INFINITY, f32::MAX] {
            let mut rounded = Rounded::default();
            rounded.round(&[value; BLOCK]);
            packed.apply(&rounded, &[0.0; 8], &mut [0.0; 8]);
            packed.apply_plainly(&rounded, &[0.0; 8], &mut [0.0; 8]);
        }
    }
}
