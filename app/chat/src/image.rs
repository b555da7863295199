//! Images that people ask about: read within bounds, made smaller, and written anew, so that nothing of the file is kept but
//! the picture.

use std::io::Cursor;

use cjhirashi_storage::StoredImage;
use image::{
    DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder, imageops::FilterType,
    metadata::Orientation,
};
use tokio::sync::Semaphore;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 20 * 1024 * 1024;
/// The most pixels that are read: what decoding takes grows with them.
const MAX_PIXELS: u64 = 50_000_000;
/// The longest side that is kept; providers make larger ones smaller themselves.
const MAX_SIDE: u32 = 2_048;
/// Of JPEG, 1 to 100.
const QUALITY: u8 = 86;
/// Each takes up to 200 MB while it is read.
static AT_ONCE: Semaphore = Semaphore::const_new(3);

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
    let _turn = AT_ONCE.acquire().await.map_err(|_| ImageError::Broken)?;
    tokio::task::spawn_blocking(move || read(&file)).await.map_err(|_| ImageError::Broken)?
}

fn read(file: &[u8]) -> Result<Prepared, ImageError> {
    if file.len() > MAX_BYTES {
        return Err(ImageError::TooLarge);
    }
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(image::ImageError::from)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(4 * MAX_PIXELS + MAX_PIXELS);
    reader.limits(limits);
    let format = reader.format();
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS || width == 0 || height == 0 {
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
    let media_type = if format == Some(ImageFormat::Jpeg) || (format == Some(ImageFormat::WebP) && is_opaque(&picture))
    {
        JpegEncoder::new_with_quality(&mut content, QUALITY).encode_image(&picture.to_rgb8())?;
        "image/jpeg"
    } else {
        let exact = if is_opaque(&picture) { picture.to_rgb8().into() } else { DynamicImage::from(picture.to_rgba8()) };
        exact.write_to(&mut Cursor::new(&mut content), ImageFormat::Png)?;
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
        // A small file that says it is huge.
        let mut bomb = written(RgbImage::from_pixel(1, 1, Rgb([0, 0, 0])), ImageFormat::Png);
        bomb[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        assert!(read(&bomb).is_err());
    }
}
