"""The words student systems put over their columns, in Japanese and English.

Normalised, in lower case, without spaces and marks; the likeliest first. Systems differ
in little else than these words.
"""

WORDS: dict[str, tuple[str, ...]] = {
    "student_number": (
        "学籍番号", "学生番号", "学生証番号", "学籍no", "学生コード", "学生id",
        "studentnumber", "studentno", "studentid", "matriculationnumber", "sid", "id",
    ),
    "name_kanji": (
        "氏名漢字", "漢字氏名", "氏名", "学生氏名", "名前", "fullname", "studentname",
        "name",
    ),
    "name_kana": ("氏名カナ", "カナ氏名", "フリガナ", "ふりがな", "カナ", "namekana"),
    "name_latin": (
        "氏名英字", "英字氏名", "ローマ字氏名", "氏名ローマ字", "英文氏名",
        "englishname", "nameroman", "latinname", "romanname",
    ),
    "name_former": ("旧姓", "旧氏名", "formername", "birthname"),
    "birth_date": ("生年月日", "誕生日", "birthdate", "dateofbirth", "dob", "birthday"),
    "sex": ("性別", "性別コード", "sex", "gender"),
    "nationality": ("国籍コード", "国籍", "nationality", "citizenship"),
    "programme": ("課程", "プログラム", "programme", "program", "degreeprogramme"),
    "faculty": ("学部名", "学部", "所属学部", "研究科", "研究科名", "faculty"),
    "faculty_en": ("学部名英字", "英文学部名", "facultyenglish"),
    "department": ("学科名", "学科", "専攻名", "専攻", "コース", "department", "major"),
    "department_en": ("学科名英字", "英文学科名", "departmentenglish"),
    "status": (
        "学籍状態", "学籍区分", "在籍区分", "在籍状態", "在籍状況", "異動区分",
        "status", "enrolmentstatus", "enrollmentstatus",
    ),
    "admitted_on": (
        "入学年月日", "入学日", "admissiondate", "admittedon", "entrydate", "startdate",
    ),
    "graduated_on": (
        "卒業年月日", "卒業日", "修了年月日", "修了日", "graduationdate", "graduatedon",
    ),
    "awarded_on": (
        "学位授与年月日", "学位授与日", "授与年月日", "awarddate", "conferraldate",
        "degreedate", "degreeawarded",
    ),
    "award_number": ("学位記番号", "diplomanumber", "degreenumber"),
    "classification": ("成績区分", "classification", "honours", "honors"),
    "code": (
        "科目コード", "科目番号", "授業コード", "授業科目コード", "時間割コード",
        "講義コード", "coursecode", "courseno", "coursenumber", "courseid",
    ),
    "title": (
        "科目名", "授業科目名", "授業科目", "科目名称", "科目", "講義名",
        "coursetitle", "coursename", "course", "title",
    ),
    "title_en": (
        "科目名英字", "英文科目名", "科目名英語", "科目英文名", "englishtitle",
        "coursetitleenglish",
    ),
    "year": ("年度", "履修年度", "開講年度", "修得年度", "academicyear", "year"),
    "term": ("学期", "開講学期", "開講期", "期", "term", "semester"),
    "credits": ("単位数", "修得単位数", "修得単位", "単位", "credits", "credit"),
    "credit_unit": ("単位種別", "creditunit", "creditscheme"),
    "score": ("評点", "素点", "点数", "得点", "score", "mark", "marks"),
    "grade": ("評価", "評語", "成績評価", "成績", "grade", "lettergrade"),
    "scale": ("評価方式", "gradingscale", "gradingscheme"),
    "passed": ("合否", "合否区分", "合格区分", "passed", "passfail", "result"),
    "class_type": ("授業形態", "授業形式", "授業方法", "classtype"),
    "media": ("遠隔区分", "遠隔", "メディア区分", "メディア授業", "delivery"),
    "compulsory": ("必選区分", "必修選択", "必選", "履修区分", "compulsory"),
    "recognised_from": ("認定区分", "単位認定", "認定", "認定元", "transferredfrom"),
    "attempt": ("履修回", "履修回数", "受講回数", "attempt"),
}  # fmt: skip

PAIRS: tuple[tuple[str, str, str], ...] = (
    ("name_kanji", "姓", "名"),
    ("name_kana", "セイ", "メイ"),
    ("name_latin", "lastname", "firstname"),
    ("name_latin", "familyname", "givenname"),
    ("name_latin", "surname", "givenname"),
    ("name_latin", "familyname", "firstname"),
    ("name_latin", "surname", "firstname"),
)
"""Names in two columns, family name first."""
