//! Which registers an instruction makes its address of (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2,
//! chapter 2: instruction format).

/// The numbers of the registers, as the instruction set counts them (0 RAX, 1 RCX, 2 RDX, 3 RBX, 4 RSP, 5 RBP, 6 RSI, 7 RDI, then
/// R8 to R15), that the instruction in these bytes adds up to its memory operand: base and index. Empty if it has none, or is
/// of a form that is not known here.
pub(super) fn registers(code: &[u8]) -> [Option<u8>; 2] {
    parse(&mut code.iter().copied()).unwrap_or([None; 2])
}

fn parse(code: &mut impl Iterator<Item = u8>) -> Option<[Option<u8>; 2]> {
    const PREFIXES: &[u8] = &[0x66, 0x67, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65, 0xF0];
    let mut opcode = code.next()?;
    while PREFIXES.contains(&opcode) {
        opcode = code.next()?;
    }
    // The bits that make registers of eight sixteen: of the base, and of the index.
    let (mut base_bit, mut index_bit) = (0, 0);
    match opcode {
        0x40..=0x4F => {
            (base_bit, index_bit) = (opcode & 1, opcode >> 1 & 1);
            opcode = code.next()?;
        }
        0xC5 => {
            code.next()?;
            code.next()?;
            return operand(code, 0, 0);
        }
        0xC4 | 0x62 => {
            let bits = !code.next()?;
            for _ in 0..if opcode == 0xC4 { 2 } else { 3 } {
                code.next()?;
            }
            return operand(code, bits >> 5 & 1, bits >> 6 & 1);
        }
        _ => {}
    }
    match opcode {
        // Moves and comparisons of strings name no operand: they use RSI and RDI.
        0xA4..=0xA7 | 0xAA..=0xAF => return Some([Some(6), Some(7)]),
        0x0F => {
            if matches!(code.next()?, 0x38 | 0x3A) {
                code.next()?;
            }
        }
        // Arithmetic with a constant, pushes, jumps, returns.
        0x04..=0x07
        | 0x0C..=0x0E
        | 0x14..=0x17
        | 0x1C..=0x1F
        | 0x24..=0x27
        | 0x2C..=0x2F
        | 0x34..=0x37
        | 0x3C..=0x3F => {
            return None;
        }
        0x50..=0x62
        | 0x68
        | 0x6A
        | 0x6C..=0x7F
        | 0x90..=0xA3
        | 0xA8
        | 0xA9
        | 0xB0..=0xBF
        | 0xC2
        | 0xC3
        | 0xC8..=0xCF => {
            return None;
        }
        0xE0..=0xEF | 0xF1 | 0xF4 | 0xF5 | 0xF8..=0xFD => return None,
        _ => {}
    }
    operand(code, base_bit, index_bit)
}

/// Reads the byte that says what the operands are, and the one that may follow it.
fn operand(code: &mut impl Iterator<Item = u8>, base_bit: u8, index_bit: u8) -> Option<[Option<u8>; 2]> {
    let form = code.next()?;
    let (mode, place) = (form >> 6, form & 7);
    if mode == 3 || (mode == 0 && place == 5) {
        // A register, or an address beside the instruction.
        return None;
    }
    if place != 4 {
        return Some([Some(place | base_bit << 3), None]);
    }
    let sum = code.next()?;
    let (base, index) = (sum & 7, (sum >> 3 & 7) | index_bit << 3);
    let has_base = !(mode == 0 && base == 5);
    Some([has_base.then_some(base | base_bit << 3), (index != 4).then_some(index)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    // The bytes are what an assembler makes of the words beside them.
    #[rstest]
    #[case::load(&[0x48, 0x8B, 0x00], [Some(0), None])] // mov rax, [rax]
    #[case::load_byte(&[0x0F, 0xB6, 0x41, 0x08], [Some(1), None])] // movzx eax, byte ptr [rcx + 8]
    #[case::store(&[0x49, 0x89, 0x44, 0x24, 0x10], [Some(12), None])] // mov [r12 + 16], rax
    #[case::indexed(&[0x42, 0x8B, 0x04, 0x8F], [Some(7), Some(9)])] // mov eax, [rdi + 4*r9]
    #[case::compare(&[0x80, 0x3E, 0x07], [Some(6), None])] // cmp byte ptr [rsi], 7
    #[case::call(&[0xFF, 0x53, 0x18], [Some(3), None])] // call [rbx + 24]
    #[case::vector(&[0xC5, 0xFE, 0x6F, 0x06], [Some(6), None])] // vmovdqu ymm0, [rsi]
    #[case::vector_high(&[0xC4, 0xC1, 0x7E, 0x6F, 0x00], [Some(8), None])] // vmovdqu ymm0, [r8]
    #[case::wide(&[0x62, 0xF1, 0xFE, 0x48, 0x6F, 0x06], [Some(6), None])] // vmovdqu64 zmm0, [rsi]
    #[case::string(&[0xF3, 0xA4], [Some(6), Some(7)])] // rep movsb
    #[case::locked(&[0xF0, 0x0F, 0xC1, 0x02], [Some(2), None])] // lock xadd [rdx], eax
    #[case::beside(&[0x48, 0x8B, 0x05, 1, 0, 0, 0], [None, None])] // mov rax, [rip + 1]
    #[case::registers(&[0x48, 0x89, 0xC8], [None, None])] // mov rax, rcx
    #[case::no_base(&[0x8B, 0x04, 0x8D, 0, 0, 0, 0], [None, Some(1)])] // mov eax, [4*rcx]
    #[case::return_(&[0xC3], [None, None])]
    #[case::cut(&[0x48], [None, None])]
    fn the_registers_of_an_address_are_told(#[case] code: &[u8], #[case] expected: [Option<u8>; 2]) {
        assert_eq!(registers(code), expected);
    }
}
