//! Images that people ask about: read within bounds, made smaller, and written anew, so that nothing of the file is kept but
//! the picture.

use std::io::Cursor;

use cjhirashi_storage::StoredImage;
use image::{
    DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder, imageops::FilterType,
    metadata::Orientation,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 20 * 1024 * 1024;
/// The most pixels that are read: what decoding takes grows with them.
const MAX_PIXELS: u64 = 50_000_000;
/// The longest side that is kept; providers make larger ones smaller themselves.
const MAX_SIDE: u32 = 2_048;
/// Of JPEG, 1 to 100.
const QUALITY: u8 = 86;
/// The longest side that is read, in pixels.
const MAX_READ_SIDE: u32 = 16_384;
/// The most bytes of a picture as it is decoded.
const MAX_DECODED: u64 = 4 * MAX_PIXELS;
/// Exact pictures that are larger as files become photographs: providers refuse them above 5 MB, and each is told again with
/// every question.
const MAX_EXACT: usize = 1_500_000;
/// Each takes up to some 450 MB while it is read and made smaller.
static AT_ONCE: Semaphore = Semaphore::const_new(2);
/// Files that are being received or wait to be read, by everybody together.
static WAITING: Semaphore = Semaphore::const_new(24);

/// A place among the images that are received at once; to be had before the first byte is read.
#[must_use]
pub fn image_turn() -> Option<SemaphorePermit<'static>> {
    WAITING.try_acquire().ok()
}

/// A file is no image that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Neither PNG, JPEG, WebP nor GIF, or damaged.
    #[error(transparent)]
    Damaged(#[from] image::ImageError),
    /// More bytes or pixels than are read.
    #[error("it has more than {MAX_BYTES} bytes or {MAX_PIXELS} pixels")]
    TooLarge,
    /// Reading it failed in a way that is the library's fault, or the server is stopping.
    #[error("it could not be read")]
    Broken,
}

/// An image as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prepared {
    pub(crate) image: StoredImage,
    /// Width and height in pixels.
    pub(crate) size: (u32, u32),
}

/// Reads a file of a stranger, away from the threads that serve requests.
pub(crate) async fn prepare(file: Vec<u8>) -> Result<Prepared, ImageError> {
    let turn = AT_ONCE.acquire().await.map_err(|_| ImageError::Broken)?;
    let reading = move || {
        // Whoever sent it may go away: the reading goes on, and counts.
        let _turn = turn;
        read(&file)
    };
    tokio::task::spawn_blocking(reading).await.map_err(|_| ImageError::Broken)?
}

/// Reads a file of a stranger as [`ChatService::add_image`](crate::ChatService::add_image) does, without keeping it: the
/// image, and its width and height in pixels.
///
/// # Errors
/// When it is none that can be read.
pub async fn read_image(file: Vec<u8>) -> Result<(StoredImage, (u32, u32)), ImageError> {
    prepare(file).await.map(|Prepared { image, size }| (image, size))
}

fn read(file: &[u8]) -> Result<Prepared, ImageError> {
    if file.len() > MAX_BYTES {
        return Err(ImageError::TooLarge);
    }
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(image::ImageError::from)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED);
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_READ_SIDE), Some(MAX_READ_SIDE));
    reader.limits(limits);
    let format = reader.format();
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MAX_PIXELS || pixels == 0 || decoder.total_bytes() > MAX_DECODED {
        return Err(ImageError::TooLarge);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    if width.max(height) > MAX_SIDE {
        picture = picture.resize(MAX_SIDE, MAX_SIDE, FilterType::CatmullRom);
    }
    picture.apply_orientation(orientation);
    let size = (picture.width(), picture.height());
    let mut content = Vec::new();
    // Photographs stay photographs; what has sharp edges, or lets something shine through, stays exact.
    let opaque = is_opaque(&picture);
    let photograph = format == Some(ImageFormat::Jpeg) || (format == Some(ImageFormat::WebP) && opaque);
    if !photograph {
        let exact = if opaque { picture.to_rgb8().into() } else { DynamicImage::from(picture.to_rgba8()) };
        exact.write_to(&mut Cursor::new(&mut content), ImageFormat::Png)?;
    }
    let media_type = if photograph || content.len() > MAX_EXACT {
        content.clear();
        JpegEncoder::new_with_quality(&mut content, QUALITY).encode_image(&picture.to_rgb8())?;
        "image/jpeg"
    } else {
        "image/png"
    };
    Ok(Prepared { image: StoredImage { media_type: media_type.to_owned(), content }, size })
}

fn is_opaque(picture: &DynamicImage) -> bool {
    !picture.color().has_alpha() || picture.to_rgba8().pixels().all(|pixel| pixel.0[3] == u8::MAX)
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    fn written(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture.into().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    #[test]
    fn large_images_are_made_smaller_and_keep_their_shape() {
        let photo = RgbImage::from_fn(4_000, 1_000, |x, _| Rgb([u8::try_from(x % 256).unwrap(), 80, 160]));
        let kept = read(&written(photo, ImageFormat::Jpeg)).unwrap();
        assert_eq!((kept.size, kept.image.media_type.as_str()), ((2_048, 512), "image/jpeg"));
        let back = image::load_from_memory(&kept.image.content).unwrap();
        assert_eq!((back.width(), back.height()), (2_048, 512));
    }

    #[test]
    fn what_shines_through_stays_so_and_drawings_stay_exact() {
        let drawing = RgbaImage::from_pixel(20, 10, Rgba([1, 2, 3, 40]));
        let kept = read(&written(drawing.clone(), ImageFormat::Png)).unwrap();
        assert_eq!(kept.image.media_type, "image/png");
        assert_eq!(image::load_from_memory(&kept.image.content).unwrap().to_rgba8(), drawing);
    }

    #[test]
    fn nothing_but_the_picture_is_kept() {
        let mut bytes = written(RgbImage::from_pixel(8, 4, Rgb([9, 9, 9])), ImageFormat::Jpeg);
        // A segment of EXIF after the first marker: turned by 90 degrees, and words that must not stay.
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0GPS: at home";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let segment: Vec<u8> = [&[0xFF, 0xE1], &length[..], exif].concat();
        bytes.splice(2..2, segment);
        let kept = read(&bytes).unwrap();
        assert_eq!(kept.size, (4, 8), "turned as it was meant");
        assert!(!kept.image.content.windows(4).any(|window| window == b"GPS:" || window == b"Exif"));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for bad in [&b""[..], b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n", b"BM and more"] {
            assert!(matches!(read(bad), Err(ImageError::Damaged(_))), "{bad:?}");
        }
        // Small files that say they are huge: 8,000 by 8,000, and a line of 50 million.
        for (width, height) in [(8_000_u32, 8_000_u32), (50_000_000, 1), (1, 20_000)] {
            let mut bomb = written(RgbImage::from_pixel(1, 1, Rgb([0, 0, 0])), ImageFormat::Png);
            bomb[16..20].copy_from_slice(&width.to_be_bytes());
            bomb[20..24].copy_from_slice(&height.to_be_bytes());
            let sum = bomb[12..29].iter().fold(u32::MAX, |sum, byte| {
                (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg()))
            });
            bomb[29..33].copy_from_slice(&(!sum).to_be_bytes());
            let refused = read(&bomb).unwrap_err();
            let bounded = matches!(refused, ImageError::TooLarge | ImageError::Damaged(image::ImageError::Limits(_)));
            assert!(bounded, "{width} by {height}: {refused:?}");
        }
    }
}
