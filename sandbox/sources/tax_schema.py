"""The schema of the pretend tax office, in GraphQL's schema language.

Type and field names are those of the government's draft profile of the tax office (GBO semantics v0.3); the draft names
no way from a person to the facts about them, so the `heeft…` edges are this sandbox's, after the draft's demonstration.
"""

SDL = """
scalar BSN
scalar CodelijstISO3166
scalar CodelijstISO4217
scalar Datum
scalar DatumIncompleet
scalar Identificatie
scalar NEN3610ID
scalar UUID

enum Indicatie { Ja Nee Onbekend }
enum Geslacht { Man Vrouw VastgesteldOnbekend }
enum BoxCategorie { Box1WerkEnWoning Box2AanmerkelijkBelang Box3SparenEnBeleggen }
enum AftrekpostCategorie {
  Hypotheekrenteaftrek Partneralimentatie Lijfrente Giften Zorgkosten WeekenduitgavenGehandicaptKind
}
enum ToeslagSoort { Huurtoeslag Zorgtoeslag Kinderopvangtoeslag Kindgebondenbudget }
enum VermogensBestanddeelCategorie {
  BanktegoedBinnenland BanktegoedBuitenland Aandelen Obligaties Beleggingsfondsen Derivaten Cryptovaluta
  OnroerendeZaakOverig Vordering Schuld
}

type Bedrag { waarde: Float! valuta: CodelijstISO4217 }

type NatuurlijkPersoon {
  ID: UUID!
  geslachtsnaam: String!
  voornamen: String
  voorvoegsel: String
  geboortedatum: DatumIncompleet
  geboorteplaats: String
  geboorteland: CodelijstISO3166
  geslacht: Geslacht
}

type IngeschrevenPersoon {
  ID: UUID!
  bsn: BSN!
  geslachtsnaam: String!
  voornamen: String
  voorvoegsel: String
  geboortedatum: DatumIncompleet
  geboorteplaats: String
  geboorteland: CodelijstISO3166
  geslacht: Geslacht
  inOnderzoek: Indicatie!
  heeftBelastingjaarAangifte: [BelastingjaarAangifte!]
  heeftVermogensBestanddeel: [VermogensBestanddeel!]
  heeftAftrekpost: [Aftrekpost!]
  heeftEigenWoning: [EigenWoning!]
  heeftToeslag: [Toeslag!]
  heeftFiscalePartner: [FiscalePartner!]
}

interface BelastingjaarAangifte {
  aangifteIdentificatie: String!
  indieningsdatum: Datum
  status: String!
  belastingjaar: Int!
  belastingsoort: String!
  ingangsdatumAangifte: Datum
  einddatumAangifte: Datum
  ingediendDoor: NatuurlijkPersoon!
}

type AangifteIH implements BelastingjaarAangifte {
  aangifteIdentificatie: String!
  indieningsdatum: Datum
  status: String!
  belastingjaar: Int!
  belastingsoort: String!
  ingangsdatumAangifte: Datum
  einddatumAangifte: Datum
  ingediendDoor: NatuurlijkPersoon!
  verzamelinkomen: Bedrag
  box1Inkomen: Bedrag
  box2Inkomen: Bedrag
  box3Inkomen: Bedrag
  boxCategorie: [BoxCategorie!]
}

interface VermogensBestanddeel {
  peildatum: Datum
  belastingjaar: Int!
  categorie: VermogensBestanddeelCategorie!
  waardePeildatum: Bedrag!
  houderVan: NatuurlijkPersoon!
}

type BankSpaartegoed implements VermogensBestanddeel {
  peildatum: Datum
  belastingjaar: Int!
  categorie: VermogensBestanddeelCategorie!
  waardePeildatum: Bedrag!
  houderVan: NatuurlijkPersoon!
  iban: String
  valuta: String!
  saldoPeildatum: Bedrag!
  land: CodelijstISO3166!
}

type Belegging implements VermogensBestanddeel {
  peildatum: Datum
  belastingjaar: Int!
  categorie: VermogensBestanddeelCategorie!
  waardePeildatum: Bedrag!
  houderVan: NatuurlijkPersoon!
  categorieEffect: String!
  marktwaardePeildatum: Bedrag!
  valuta: String!
}

type Cryptovaluta implements VermogensBestanddeel {
  peildatum: Datum
  belastingjaar: Int!
  categorie: VermogensBestanddeelCategorie!
  waardePeildatum: Bedrag!
  houderVan: NatuurlijkPersoon!
  tokenSymbool: String!
  marktwaardePeildatum: Bedrag!
}

type OnroerendeZaakOverigBezit implements VermogensBestanddeel {
  peildatum: Datum
  belastingjaar: Int!
  categorie: VermogensBestanddeelCategorie!
  waardePeildatum: Bedrag!
  houderVan: NatuurlijkPersoon!
  wozWaarde: Bedrag
  marktwaardePeildatum: Bedrag
  isVerhuurd: Indicatie
  gekoppeldAan: NEN3610ID!
}

type Schuld implements VermogensBestanddeel {
  peildatum: Datum
  belastingjaar: Int!
  categorie: VermogensBestanddeelCategorie!
  waardePeildatum: Bedrag!
  houderVan: NatuurlijkPersoon!
  schuldsoort: String!
  openstaandSaldoPeildatum: Bedrag!
  rentepercentage: Float
  einddatumRentevasteperiode: Datum
}

interface Aftrekpost {
  peildatum: Datum
  belastingjaar: Int!
  categorie: AftrekpostCategorie!
  bedragJaar: Bedrag!
}

type Hypotheekrenteaftrek implements Aftrekpost {
  peildatum: Datum
  belastingjaar: Int!
  categorie: AftrekpostCategorie!
  bedragJaar: Bedrag!
  renteJaar: Bedrag!
  eigenwoningSchuldSaldoStart: Bedrag
  eigenwoningSchuldSaldoEinde: Bedrag
  aflossingsschema: String
  betreft: EigenWoning!
}

type EigenWoning {
  wozWaarde: Bedrag!
  eigenwoningForfait: Bedrag
  eigenwoningSchuldSaldo: Bedrag
  ingangsdatumRegime: Datum
  gekoppeldAan: NEN3610ID!
}

type FiscalePartner {
  belastingjaar: Int!
  grondslag: String!
  begindatum: Datum
  einddatum: Datum
  tussenPersonen: [NatuurlijkPersoon!]!
}

interface Toeslag {
  identificatie: Identificatie!
  ingangsdatum: Datum!
  einddatum: Datum
  bedragPeriode: Bedrag!
  toeslagSoort: ToeslagSoort!
  bedragMaand: Bedrag!
  isVoorlopig: Indicatie!
  toegekendAan: NatuurlijkPersoon!
}

type Huurtoeslag implements Toeslag {
  identificatie: Identificatie!
  ingangsdatum: Datum!
  einddatum: Datum
  bedragPeriode: Bedrag!
  toeslagSoort: ToeslagSoort!
  bedragMaand: Bedrag!
  isVoorlopig: Indicatie!
  toegekendAan: NatuurlijkPersoon!
  rekenhuur: Bedrag!
}

type Zorgtoeslag implements Toeslag {
  identificatie: Identificatie!
  ingangsdatum: Datum!
  einddatum: Datum
  bedragPeriode: Bedrag!
  toeslagSoort: ToeslagSoort!
  bedragMaand: Bedrag!
  isVoorlopig: Indicatie!
  toegekendAan: NatuurlijkPersoon!
}

type KinderopvangToeslag implements Toeslag {
  identificatie: Identificatie!
  ingangsdatum: Datum!
  einddatum: Datum
  bedragPeriode: Bedrag!
  toeslagSoort: ToeslagSoort!
  bedragMaand: Bedrag!
  isVoorlopig: Indicatie!
  toegekendAan: NatuurlijkPersoon!
  aantalUrenOpvang: Int!
  uurtariefOpvang: Bedrag!
  opvanginstelling: String!
}

type KindgebondenBudget implements Toeslag {
  identificatie: Identificatie!
  ingangsdatum: Datum!
  einddatum: Datum
  bedragPeriode: Bedrag!
  toeslagSoort: ToeslagSoort!
  bedragMaand: Bedrag!
  isVoorlopig: Indicatie!
  toegekendAan: NatuurlijkPersoon!
  aantalKinderen: Int!
  leeftijdJongste: Int
}

type Query {
  ingeschrevenPersoon(bsn: BSN!): IngeschrevenPersoon
  ingeschrevenPersoonLijst: [IngeschrevenPersoon!]
}
"""
