//! The arithmetic: products of matrices, softmax, layer norm, GELU.
//!
//! Everything here works on slices and keeps every index inside them. The loops are written so that the compiler can
//! use vector registers; where the processor has AVX2 they are compiled a second time for it.

/// A matrix inside a slice: row `i`, column `j` lies at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl Layout {
    /// Rows one after the other, each `stride` values after the one before.
    pub(crate) const fn rows(rows: usize, columns: usize, stride: usize) -> Self {
        Self { rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// The same memory read with rows and columns exchanged.
    pub(crate) const fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, row_stride: self.column_stride, column_stride: self.row_stride }
    }

    fn fits(&self, length: usize) -> bool {
        self.rows > 0
            && self.columns > 0
            && (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride < length
    }
}

/// `c = scale * a * b`, or `c += …` when `add` is set.
///
/// # Panics
/// A layout that does not lie inside its slice, or does not fit the others: a mistake in this crate, never in a file
/// or a text.
pub(crate) fn multiply(a: (&[f32], Layout), b: (&[f32], Layout), c: (&mut [f32], Layout), scale: f32, add: bool) {
    let ((a, a_is), (b, b_is), (c, c_is)) = (a, b, c);
    assert!(a_is.fits(a.len()) && b_is.fits(b.len()) && c_is.fits(c.len()), "a matrix leaves its memory");
    assert!(
        a_is.columns == b_is.rows && c_is.rows == a_is.rows && c_is.columns == b_is.columns,
        "matrices do not fit together"
    );
    // Two elements of the result must never share a place.
    assert!(c_is.column_stride == 1 && c_is.row_stride >= c_is.columns, "the result overlaps itself");
    let stride = |value: usize| value as isize;
    #[expect(
        unsafe_code,
        reason = "gemm takes raw pointers; the assertions above keep every address it forms inside the three slices, \
                  and the borrow rules keep the written one apart from the read ones"
    )]
    // SAFETY: as the reason says.
    unsafe {
        gemm::gemm(
            c_is.rows,
            c_is.columns,
            a_is.columns,
            c.as_mut_ptr(),
            stride(c_is.column_stride),
            stride(c_is.row_stride),
            add,
            a.as_ptr(),
            stride(a_is.column_stride),
            stride(a_is.row_stride),
            b.as_ptr(),
            stride(b_is.column_stride),
            stride(b_is.row_stride),
            1.0,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Compiles a loop twice and takes the AVX2 one where the processor has it.
macro_rules! vectorised {
    ($(#[$doc:meta])* $name:ident, $wide:ident, $body:ident, ($($argument:ident: $type:ty),*)) => {
        $(#[$doc])*
        pub(crate) fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                #[target_feature(enable = "avx2,fma")]
                fn $wide($($argument: $type),*) {
                    $body($($argument),*);
                }
                #[expect(unsafe_code, reason = "the two features it needs were found on the lines above")]
                // SAFETY: as the reason says.
                unsafe { $wide($($argument),*) };
                return;
            }
            $body($($argument),*);
        }
    };
}

vectorised!(
    /// Turns each row of scores into weights that are `exp(score - highest)`, and writes one over their sum for each.
    exponentials, exponentials_wide, exponentials_body, (scores: &mut [f32], columns: usize, inverses: &mut [f32])
);
vectorised!(
    /// GELU with the error function, in place.
    gelu, gelu_wide, gelu_body, (values: &mut [f32])
);
vectorised!(
    /// Layer norm of each row of `values + added`, in place.
    add_and_normalise, add_and_normalise_wide, add_and_normalise_body,
    (values: &mut [f32], added: &[f32], weight: &[f32], bias: &[f32], epsilon: f32)
);

#[inline(always)]
fn exponentials_body(scores: &mut [f32], columns: usize, inverses: &mut [f32]) {
    for (row, inverse) in scores.chunks_exact_mut(columns).zip(inverses) {
        let highest = highest_of(row);
        for value in row.iter_mut() {
            *value = exponential(*value - highest);
        }
        *inverse = 1.0 / sum_of(row, |value| value);
    }
}

#[inline(always)]
fn gelu_body(values: &mut [f32]) {
    for value in values {
        let x = *value;
        let z = x * std::f32::consts::FRAC_1_SQRT_2;
        let size = z.abs();
        // Abramowitz and Stegun 7.1.26: the error function to 1.5e-7.
        let t = 1.0 / (1.0 + 0.327_591_1 * size);
        let polynomial =
            ((((1.061_405_4 * t - 1.453_152_1) * t + 1.421_413_8) * t - 0.284_496_72) * t + 0.254_829_6) * t;
        let error = (1.0 - polynomial * exponential(-size * size)).copysign(z);
        *value = 0.5 * x * (1.0 + error);
    }
}

#[inline(always)]
fn add_and_normalise_body(values: &mut [f32], added: &[f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let width = weight.len();
    for (row, added) in values.chunks_exact_mut(width).zip(added.chunks_exact(width)) {
        for (value, added) in row.iter_mut().zip(added) {
            *value += added;
        }
        let mean = sum_of(row, |value| value) / width as f32;
        let variance = sum_of(row, |value| (value - mean) * (value - mean)) / width as f32;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        for ((value, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
            *value = (*value - mean) * inverse * weight + bias;
        }
    }
}

/// The sum, in sixteen lanes: a plain float sum must keep its order, which keeps the compiler from vector registers.
#[inline(always)]
fn sum_of(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let chunks = values.chunks_exact(16);
    let rest: f32 = chunks.remainder().iter().map(|value| of(*value)).sum();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += of(*value);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The largest, in sixteen lanes.
#[inline(always)]
fn highest_of(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; 16];
    let chunks = values.chunks_exact(16);
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, larger);
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *value);
        }
    }
    lanes.into_iter().fold(rest, larger)
}

/// `e^x` to about 2e-7 for `x` from -87 to 88, clamped outside: `2^k` by the exponent's bits, the rest by a polynomial.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    // 1.5 * 2^23: adding it rounds to a whole number, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    // ln 2 in two parts, the first exact in few bits (Cody and Waite), so that large x lose nothing.
    let f = (x - k * 0.693_359_4) + k * 2.121_944_4e-4;
    let polynomial =
        1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f * (1.0 / 720.0))))));
    let exponent = rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    polynomial * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_agrees_with_the_standard_library() {
        for step in -8_600..8_700 {
            let x = step as f32 / 100.0;
            let relative = (f64::from(exponential(x)) / f64::from(x).exp() - 1.0).abs();
            assert!(relative < 1e-6, "{x}: {relative}");
        }
        assert!(exponential(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn sums_and_maxima_take_in_the_rest_behind_the_lanes() {
        for count in 0..70 {
            let values: Vec<f32> = (0..count).map(|n| n as f32).collect();
            let expected = values.iter().sum::<f32>();
            assert!((sum_of(&values, |value| value) - expected).abs() < 1e-3, "{count}");
            let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert!(highest_of(&values) == most, "{count}");
        }
    }

    #[test]
    fn weights_of_a_row_sum_to_one_and_gelu_meets_its_known_values() {
        let mut scores = vec![0.5, 2.0, -1.0, 1000.0, 999.0, 998.0];
        let mut inverses = vec![0.0; 2];
        exponentials(&mut scores, 3, &mut inverses);
        for (row, inverse) in scores.chunks(3).zip(&inverses) {
            assert!((row.iter().sum::<f32>() * inverse - 1.0).abs() < 1e-6);
        }
        let mut values = vec![-3.0, -1.0, 0.0, 1.0, 3.0];
        gelu(&mut values);
        for (value, expected) in values.iter().zip([-0.004_049_7, -0.158_655_26, 0.0, 0.841_344_7, 2.995_950_2]) {
            assert!((value - expected).abs() < 1e-5, "{value} {expected}");
        }
    }

    #[test]
    fn a_product_with_strides_equals_the_plain_one() {
        // a is 2 x 3, b is 3 x 2 read from a transposed 2 x 3.
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let b = [1.0, 0.0, 2.0, 0.0, 1.0, 2.0];
        let mut c = [1.0; 8];
        multiply(
            (&a, Layout::rows(2, 3, 3)),
            (&b, Layout::rows(2, 3, 3).transposed()),
            (&mut c, Layout::rows(2, 2, 4)),
            2.0,
            true,
        );
        assert_eq!(c, [15.0, 17.0, 1.0, 1.0, 33.0, 35.0, 1.0, 1.0]);
    }

    #[test]
    #[should_panic(expected = "leaves its memory")]
    fn a_product_that_would_leave_its_memory_is_refused() {
        multiply(
            (&[0.0; 5], Layout::rows(2, 3, 3)),
            (&[0.0; 6], Layout::rows(3, 2, 2)),
            (&mut [0.0; 4], Layout::rows(2, 2, 2)),
            1.0,
            false,
        );
    }
}
