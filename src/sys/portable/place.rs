//! What kind of memory an address lies in cannot be told.

use crate::model::memory::Place;

/// Below this address nothing is ever mapped.
const NEAR_NULL: usize = 1 << 16;

/// The kind of memory that an address lies in: but for null and its neighbourhood it is only known that it is not ours.
pub(crate) fn place_of(address: usize, _sp: usize) -> Place {
    match address {
        0 => Place::Null,
        1..NEAR_NULL => Place::NearNull,
        _ => Place::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_neighbourhood_of_null_is_told() {
        assert_eq!(place_of(0, 0), Place::Null);
        assert_eq!((place_of(1, 0), place_of(65535, 0)), (Place::NearNull, Place::NearNull));
        assert_eq!(place_of(65536, 0), Place::Foreign);
    }
}
