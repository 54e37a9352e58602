//! What stands on the shelves of the generated shop. Every name is a common noun; there are no brands.

/// A word for items: as a tag, in English, in Korean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) tag: &'static str,
    pub(super) en: &'static str,
    pub(super) ko: &'static str,
}

/// A category of the shop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shelf {
    /// What the shelf holds; its tag starts the ids of its items.
    pub(super) name: Word,
    /// What kinds of it there are.
    pub(super) kinds: [Word; 5],
}

const fn word(tag: &'static str, en: &'static str, ko: &'static str) -> Word {
    Word { tag, en, ko }
}

const fn shelf(name: Word, kinds: [Word; 5]) -> Shelf {
    Shelf { name, kinds }
}

/// Traits that items of any shelf may have.
pub(super) const TRAITS: [Word; 8] = [
    word("compact", "Compact", "소형"),
    word("premium", "Premium", "프리미엄"),
    word("value", "Value", "알뜰"),
    word("eco", "Eco", "친환경"),
    word("family", "Family", "패밀리"),
    word("gift", "Gift", "선물용"),
    word("new", "New", "신상"),
    word("seasonal", "Seasonal", "시즌"),
];

/// The shelves.
pub(super) const SHELVES: [Shelf; 20] = [
    shelf(
        word("tv", "TV", "TV"),
        [
            word("oled", "OLED", "OLED"),
            word("projector", "Projector", "프로젝터"),
            word("soundbar", "Soundbar", "사운드바"),
            word("portable", "Portable", "이동식"),
            word("large-screen", "Large-Screen", "대형"),
        ],
    ),
    shelf(
        word("fridge", "Fridge", "냉장고"),
        [
            word("kimchi", "Kimchi", "김치"),
            word("side-by-side", "Side-by-Side", "양문형"),
            word("wine", "Wine", "와인"),
            word("freezer", "Freezer", "냉동"),
            word("built-in", "Built-in", "빌트인"),
        ],
    ),
    shelf(
        word("laundry", "Laundry", "세탁"),
        [
            word("washer", "Washer", "세탁기"),
            word("dryer", "Dryer", "건조기"),
            word("steam-care", "Steam Care", "의류관리기"),
            word("iron", "Iron", "다리미"),
            word("detergent", "Detergent", "세제"),
        ],
    ),
    shelf(
        word("air", "Air Care", "공기 관리"),
        [
            word("purifier", "Purifier", "청정기"),
            word("humidifier", "Humidifier", "가습기"),
            word("dehumidifier", "Dehumidifier", "제습기"),
            word("fan", "Fan", "선풍기"),
            word("heater", "Heater", "히터"),
        ],
    ),
    shelf(
        word("vacuum", "Vacuum", "청소기"),
        [
            word("robot", "Robot", "로봇"),
            word("cordless", "Cordless", "무선"),
            word("wet-mop", "Wet Mop", "물걸레"),
            word("handheld", "Handheld", "핸디"),
            word("bedding-cleaner", "Bedding", "침구"),
        ],
    ),
    shelf(
        word("kitchen", "Kitchen", "주방용품"),
        [
            word("pan", "Frying Pan", "프라이팬"),
            word("knife", "Knife", "칼"),
            word("storage", "Storage Box", "밀폐용기"),
            word("pot", "Pot", "냄비"),
            word("tableware", "Tableware", "식기"),
        ],
    ),
    shelf(
        word("cooker", "Cooker", "조리기기"),
        [
            word("rice", "Rice", "전기밥솥"),
            word("air-fryer", "Air Fryer", "에어프라이어"),
            word("induction", "Induction", "인덕션"),
            word("oven", "Oven", "오븐"),
            word("blender", "Blender", "블렌더"),
        ],
    ),
    shelf(
        word("coffee", "Coffee", "커피"),
        [
            word("beans", "Beans", "원두"),
            word("capsule", "Capsule", "캡슐"),
            word("espresso", "Espresso", "에스프레소"),
            word("drip", "Drip", "드립"),
            word("grinder", "Grinder", "그라인더"),
        ],
    ),
    shelf(
        word("food", "Food", "식품"),
        [
            word("side-dish", "Side Dish", "반찬"),
            word("meal-kit", "Meal Kit", "밀키트"),
            word("meat", "Meat", "정육"),
            word("seafood", "Seafood", "수산"),
            word("fruit", "Fruit", "과일"),
        ],
    ),
    shelf(
        word("wellness", "Wellness", "웰니스"),
        [
            word("massage", "Massage", "안마"),
            word("sleep", "Sleep", "수면"),
            word("tea", "Herbal Tea", "차"),
            word("foot-bath", "Foot Bath", "족욕"),
            word("aroma", "Aroma", "아로마"),
        ],
    ),
    shelf(
        word("beauty", "Beauty", "뷰티"),
        [
            word("serum", "Serum", "세럼"),
            word("cushion", "Cushion", "쿠션"),
            word("sun-care", "Sun Care", "선케어"),
            word("hair", "Hair", "헤어"),
            word("mask-pack", "Mask Pack", "마스크팩"),
        ],
    ),
    shelf(
        word("women", "Womenswear", "여성의류"),
        [
            word("coat", "Coat", "코트"),
            word("knit", "Knit", "니트"),
            word("dress", "Dress", "원피스"),
            word("blouse", "Blouse", "블라우스"),
            word("slacks", "Slacks", "슬랙스"),
        ],
    ),
    shelf(
        word("men", "Menswear", "남성의류"),
        [
            word("jacket", "Jacket", "재킷"),
            word("shirt", "Shirt", "셔츠"),
            word("denim", "Denim", "데님"),
            word("padding", "Down", "패딩"),
            word("polo", "Polo", "폴로"),
        ],
    ),
    shelf(
        word("shoes", "Shoes", "신발"),
        [
            word("sneakers", "Sneakers", "운동화"),
            word("loafers", "Loafers", "로퍼"),
            word("boots", "Boots", "부츠"),
            word("sandals", "Sandals", "샌들"),
            word("walking", "Walking", "워킹화"),
        ],
    ),
    shelf(
        word("jewelry", "Jewelry", "주얼리"),
        [
            word("necklace", "Necklace", "목걸이"),
            word("ring", "Ring", "반지"),
            word("watch", "Watch", "시계"),
            word("earrings", "Earrings", "귀걸이"),
            word("bracelet", "Bracelet", "팔찌"),
        ],
    ),
    shelf(
        word("furniture", "Furniture", "가구"),
        [
            word("sofa", "Sofa", "소파"),
            word("bed", "Bed", "침대"),
            word("desk", "Desk", "책상"),
            word("wardrobe", "Wardrobe", "옷장"),
            word("chair", "Chair", "의자"),
        ],
    ),
    shelf(
        word("bedding", "Bedding", "침구"),
        [
            word("duvet", "Duvet", "이불"),
            word("pillow", "Pillow", "베개"),
            word("topper", "Topper", "토퍼"),
            word("cooling", "Cooling", "냉감"),
            word("blanket", "Blanket", "담요"),
        ],
    ),
    shelf(
        word("sports", "Sports", "스포츠"),
        [
            word("golf", "Golf", "골프"),
            word("camping", "Camping", "캠핑"),
            word("yoga", "Yoga", "요가"),
            word("cycling", "Cycling", "자전거"),
            word("hiking", "Hiking", "등산"),
        ],
    ),
    shelf(
        word("kids", "Kids", "유아동"),
        [
            word("toy", "Toy", "장난감"),
            word("stroller", "Stroller", "유모차"),
            word("book", "Book", "도서"),
            word("block", "Block", "블록"),
            word("car-seat", "Car Seat", "카시트"),
        ],
    ),
    shelf(
        word("travel", "Travel", "여행"),
        [
            word("suitcase", "Suitcase", "캐리어"),
            word("package-tour", "Package Tour", "패키지"),
            word("hotel", "Hotel", "호텔"),
            word("backpack", "Backpack", "배낭"),
            word("island", "Island", "섬"),
        ],
    ),
];
