"""What a lying hospital gains from the shares E^beta that complaints show it (docs/spec/abe.md, "Wrong transforms").

Exponents are polynomials over F_r in what is random. A hospital that gives transforms with Q1 and Q2 of its own making, and has a complaint
about each, gets beta times the exponent of Y, of every point of G1 that it knows, and of H_t paired with every point of G2 that it knows:
E = Y e(H_t, Q2) / e(Q1, g2), linear in both, and no share can be fed back, since it is in GT. Prints whether a record's key, exponent
alpha s, is then a sum of what it has. In the generic group model; one record, one update key. Needs Python 3 and nothing else.
"""

R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001


def variable(name):
    return {((name, 1),): 1}


def add(a, b, factor=1):
    total = dict(a)
    for monomial, coefficient in b.items():
        total[monomial] = (total.get(monomial, 0) + factor * coefficient) % R
    return {monomial: c for monomial, c in total.items() if c}


def multiply(a, b):
    product = {}
    for left, c in a.items():
        for right, d in b.items():
            powers = dict(left)
            for name, power in right:
                powers[name] = powers.get(name, 0) + power
            monomial = tuple(sorted(powers.items()))
            product[monomial] = (product.get(monomial, 0) + c * d) % R
    return {monomial: c for monomial, c in product.items() if c}


def in_span(given, target):
    """Gauss: whether `target` is a sum of multiples of `given`."""
    pivots = {}

    def reduced(rest):
        while known := [monomial for monomial in rest if monomial in pivots]:
            for monomial in known:
                if monomial in rest:
                    rest = add(rest, pivots[monomial], -rest[monomial])
        return rest

    for row in given:
        row = reduced(row)
        if row:
            first = min(row)
            inverse = pow(row[first], -1, R)
            row = {monomial: c * inverse % R for monomial, c in row.items()}
            for other in pivots:
                if first in pivots[other]:
                    pivots[other] = add(pivots[other], row, -pivots[other][first])
            pivots[first] = row
    return not reduced(target)


ONE = {(): 1}
alpha, beta = variable("alpha"), variable("beta")
a_x, a_y = variable("a_x"), variable("a_y")  # of the honest doctor's node, and of a revoked doctor's
h_w, h_t, h_att, h_other = (variable(f"h_{name}") for name in ("w", "t", "att", "other"))
r, r_revoked, s_x = variable("r"), variable("r_revoked"), variable("s_x")
s, s_row = variable("s"), variable("s_row")  # of a record that the honest doctor may not read
own, own_row = variable("own"), variable("own_row")  # of one that she may read

G1 = [
    ONE, h_w, h_t, h_att, h_other,
    beta,  # pk
    add(multiply(beta, a_x), multiply(h_w, r)), multiply(h_att, r),  # her attribute key at x: P0, P_A
    add(add(alpha, a_x, -1), multiply(h_t, s_x)),  # Q1 of the update key at x
    add(a_y, multiply(h_w, r_revoked)), multiply(h_att, r_revoked),  # a revoked doctor in league: beta known, so 1
    multiply(h_t, s), add(multiply(h_w, s), multiply(h_other, s_row)),  # Ct, C_i
    multiply(h_t, own), add(multiply(h_w, own), multiply(h_att, own_row)),
]  # fmt: skip
G2 = [ONE, r, s_x, r_revoked, s, s_row, own, own_row]
GT = [alpha] + [multiply(left, right) for left in G1 for right in G2]
SHARES = [multiply(beta, alpha)]
SHARES += [multiply(multiply(beta, h_t), right) for right in G2]
SHARES += [multiply(beta, left) for left in G1]

for whose, randomness in (("another's record", s), ("a record that the doctor may read", own)):
    key = multiply(alpha, randomness)
    without, with_shares = in_span(GT, key), in_span(GT + SHARES, key)
    print(f"{whose}: without shares {without}, with all shares {with_shares}")
    assert not without and not with_shares

# That the check can fail: what decision 0007 refuses to reveal, A^(1/beta), does open.
opens = in_span(GT + SHARES + [multiply(a_x, own)], multiply(alpha, own))
print(f"control, with A^(1/beta) revealed: {opens}")
assert opens
