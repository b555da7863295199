//! Server-sent events out of bytes that come cut anywhere.

/// The longest line that is kept; a server that sends a longer one is broken or hostile.
const MAX_LINE: usize = 4 * 1024 * 1024;

/// Collects bytes and hands out the data of whole events.
#[derive(Default)]
pub(crate) struct Decoder {
    line: Vec<u8>,
    data: Option<String>,
    after_return: bool,
    begun: bool,
}

/// A line was longer than is sane.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LineTooLong;

impl Decoder {
    /// Takes bytes, and calls `event` with the data of each event they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut event: impl FnMut(String)) -> Result<(), LineTooLong> {
        for &byte in bytes {
            // Lines end with \n, \r or \r\n.
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    if let Some(data) = self.end_line() {
                        event(data);
                    }
                }
                _ => {
                    self.after_return = false;
                    if self.line.len() >= MAX_LINE {
                        return Err(LineTooLong);
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(())
    }

    /// The data of an event that the end of the stream cut short of its empty line. Some servers leave it out.
    pub(crate) fn finish(mut self) -> Option<String> {
        self.end_line().or(self.data)
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        let mut line = &line[..];
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            return self.data.take();
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            let data = String::from_utf8_lossy(data.strip_prefix(b" ").unwrap_or(data));
            match &mut self.data {
                Some(before) if before.len() + data.len() <= MAX_LINE => {
                    before.push('\n');
                    before.push_str(&data);
                }
                Some(_) => {}
                None => self.data = Some(data.into_owned()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(chunks: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        for chunk in chunks {
            decoder.feed(chunk, |event| events.push(event)).expect("short lines");
        }
        events.extend(decoder.finish());
        events
    }

    #[test]
    fn events_come_out_whole_however_the_bytes_are_cut() {
        let text = "\u{feff}: hello\r\n\r\nevent: x\r\ndata: {\"a\":\"ñ\"}\r\n\r\ndata:b\ndata: c\n\nid: 1\rdata: d\r\rdata: e".as_bytes();
        let whole = decode(&[text]);
        assert_eq!(whole, ["{\"a\":\"ñ\"}", "b\nc", "d", "e"]);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(decode(&bytes), whole);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(&vec![b'x'; MAX_LINE + 1], |_| {}), Err(LineTooLong));
    }
}
