//! Embeddings without a model: hashed words, counted.

use base64::Engine as _;

/// A vector of unit length in which texts that share words are near. Endings of words, accents and case do not count.
#[must_use]
pub fn embed(text: &str, dimension: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimension.max(1)];
    let folded: String = text.to_lowercase().chars().map(fold).collect();
    for word in folded.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2) {
        let stem: String = word.chars().take(5).collect();
        let hash = fnv(stem.as_bytes());
        let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
        let place = (hash % vector.len() as u64) as usize;
        if let Some(value) = vector.get_mut(place) {
            *value += sign;
        }
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length == 0.0 {
        vector[0] = 1.0;
        return vector;
    }
    vector.iter().map(|value| value / length).collect()
}

fn fold(c: char) -> char {
    match c {
        'á' | 'à' => 'a',
        'é' | 'è' => 'e',
        'í' => 'i',
        'ó' => 'o',
        'ú' | 'ü' => 'u',
        other => other,
    }
}

/// Fowler, Noll and Vo's hash, variant 1a, 64 bits; mixed once more because its low bits are weak.
fn fnv(bytes: &[u8]) -> u64 {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Little-endian numbers in base 64, as OpenAI sends them on request.
pub(crate) fn base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_share_words_are_near_and_others_are_not() {
        let near = |a: &str, b: &str| embed(a, 256).iter().zip(embed(b, 256)).map(|(a, b)| a * b).sum::<f32>();
        let question = "¿Cuánto dura la garantía?";
        assert!(near(question, "La garantía dura dos años.") > 0.4);
        assert!(near(question, "Las manzanas se cosechan en otoño.") < 0.2);
        assert!((near(question, question) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn base_64_is_that_of_everybody_else() {
        assert_eq!(base64(&[1.0, -2.5]), "AACAPwAAIMA=");
    }
}
