//! Encodes numbers and byte strings for a file: a number takes 8 bytes, least significant first; a
//! byte string is its length as a number, then its bytes.

use std::ffi::CString;
use std::io;

pub(in crate::sys::tree) fn put_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(in crate::sys::tree) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Decodes from the front. A lack of bytes is an error of kind `InvalidData`.
pub(in crate::sys::tree) struct Decoder<'b>(pub(in crate::sys::tree) &'b [u8]);

impl<'b> Decoder<'b> {
    pub(in crate::sys::tree) fn number(&mut self) -> io::Result<u64> {
        let (number, rest) = self.0.split_first_chunk().ok_or(io::ErrorKind::InvalidData)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*number))
    }

    pub(in crate::sys::tree) fn bytes(&mut self) -> io::Result<&'b [u8]> {
        let length = usize::try_from(self.number()?).map_err(|_| io::ErrorKind::InvalidData)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(io::ErrorKind::InvalidData)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(in crate::sys::tree) fn name(&mut self) -> io::Result<CString> {
        CString::new(self.bytes()?).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}
