//! The RFC's own vectors, through the code that keywords take.

use zeroize::Zeroizing;

use super::*;

#[path = "../../tests/frozen/mod.rs"]
mod frozen;
use frozen::{FixedRng, array, bytes, cases, list};

#[test]
fn rfc9497_vectors_of_the_verifiable_mode_are_reproduced() {
    for case in cases("rfc9497", "rfc9497") {
        let key = KeyPair::from_bytes(&array(&case["skSm"])).unwrap();
        assert_eq!(key.public_key().to_bytes(), array(&case["pkSm"]));

        let inputs = list(&case["Input"])
            .into_iter()
            .map(Zeroizing::new)
            .collect();
        let mut rng = FixedRng::new(&[&list(&case["Blind"]).concat()]);
        let (blinding, blinded) = Blinding::of_inputs(inputs, &mut rng).unwrap();
        assert_eq!(
            blinded.to_bytes()[6..],
            list(&case["BlindedElement"]).concat()
        );

        let mut rng = FixedRng::new(&[&bytes(&case["ProofRandomScalar"])]);
        let evaluated = key.evaluate(&blinded, &mut rng);
        let expected = [
            list(&case["EvaluationElement"]).concat(),
            bytes(&case["Proof"]),
        ]
        .concat();
        assert_eq!(evaluated.to_bytes()[6..], expected);

        let outputs = blinding.outputs(&evaluated, &key.public_key()).unwrap();
        let outputs: Vec<Vec<u8>> = outputs.iter().map(|output| output.to_vec()).collect();
        assert_eq!(outputs, list(&case["Output"]));
    }
}
