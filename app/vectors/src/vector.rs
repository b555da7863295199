//! Vectors as numbers: of length 1, and multiplied.

use crate::{IndexError, index::check_vector};

/// Checks a vector from outside and gives it length 1.
pub(crate) fn unit(values: &[f32], dimension: usize, name: impl FnOnce() -> String) -> Result<Vec<f32>, IndexError> {
    let largest = check_vector(values, dimension, name)?;
    // Dividing by the largest first keeps the squares inside the range of a float.
    let scaled: Vec<f32> = values.iter().map(|value| value / largest).collect();
    let length = dot(&scaled, &scaled).sqrt();
    Ok(scaled.into_iter().map(|value| value / length).collect())
}

/// Sixteen sums side by side, so that the compiler may use vector registers: the order of a float sum is part of its
/// meaning, and one running sum could not be split.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_product_of_any_length_is_the_plain_sum() {
        for length in [0, 1, 15, 16, 17, 33, 384] {
            let a: Vec<f32> = (0..length).map(|i| i as f32 * 0.5).collect();
            let b: Vec<f32> = (0..length).map(|i| 1.0 - i as f32 * 0.01).collect();
            let plain: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            assert!((f64::from(dot(&a, &b)) - plain).abs() <= plain.abs() * 1e-4 + 1e-6, "{length}");
        }
    }
}
