"""Schemes, yearly assessments, sheets, opinions, grades, reviews and feedback."""

from rules import states
from service.assessments import commands, queries, reviews, schemes, sheets
from service.core.problems import Conflict
from service.exports.feedback import feedback_xlsx
from service.exports.files import XLSX
from web.endpoint import Routes, endpoint, moving
from web.schemas import assessments as schemas

blp = Routes("assessments", "年度考核")

SCHEME, ASSESSMENT, SHEET, LINE = (
    schemas.SchemeOut(),
    schemas.AssessmentOut(),
    schemas.SheetOut(),
    schemas.SheetLineOut(),
)
OPINION, REVIEW, TEXT = schemas.OpinionOut(), schemas.ReviewOut(), schemas.ReviewTextIn()
ONE, ONE_SHEET = "/assessments/<uuid:assessment_id>", "/sheets/<uuid:sheet_id>"

endpoint(blp, "POST", "/schemes", who="scheme.create", does=schemes.create, takes=schemas.SchemeIn(), gives=SCHEME,
         creates="/schemes/{id}")  # fmt: skip
endpoint(blp, "GET", "/schemes", who="scheme.list", does=schemes.schemes, query=schemas.SchemesAsked(), gives=SCHEME)
endpoint(blp, "GET", "/schemes/<uuid:scheme_id>", who="scheme.list", does=schemes.show, gives=SCHEME)

endpoint(blp, "POST", "/assessments", who="assessment.create", does=commands.create, takes=schemas.AssessmentIn(),
         gives=ASSESSMENT, creates="/assessments/{id}")  # fmt: skip
endpoint(blp, "GET", "/assessments", who="sheet.list", does=queries.assessments, query=schemas.AssessmentsAsked(),
         gives=ASSESSMENT)  # fmt: skip
endpoint(blp, "GET", ONE, who="sheet.list", does=queries.assessment, gives=ASSESSMENT)
endpoint(blp, "GET", f"{ONE}/verify", who="sheet.list", does=queries.verify, gives=schemas.VerificationOut(),
         refuses=(Conflict,))  # fmt: skip
endpoint(blp, "GET", f"{ONE}/feedback", who="feedback.read", does=queries.feedback, gives=schemas.FeedbackOut(),
         refuses=(Conflict,))  # fmt: skip
endpoint(blp, "GET", f"{ONE}/feedback.xlsx", who="feedback.read", does=feedback_xlsx, produces=XLSX,
         refuses=(Conflict,))  # fmt: skip
moving(blp, "assessments", states.ASSESSMENT, ASSESSMENT, {"assemble": commands.assemble, "propose": commands.propose,
       "approve": commands.approve, "reject": commands.reject, "recall": commands.recall,
       "confirm": commands.confirm})  # fmt: skip

endpoint(blp, "GET", f"{ONE}/sheets", who="sheet.list", does=queries.sheets, query=schemas.SheetsAsked(), gives=LINE)
endpoint(blp, "GET", f"{ONE}/sheets/mine", who="sheet.edit", does=queries.mine, gives=SHEET)
endpoint(blp, "GET", ONE_SHEET, who="sheet.list", does=queries.sheet, gives=SHEET)
endpoint(blp, "PATCH", ONE_SHEET, who="sheet.edit", does=sheets.edit, takes=schemas.SummaryIn(), gives=SHEET,
         edits=True)  # fmt: skip
moving(blp, "sheets", states.SHEET, SHEET, {"hand_in": sheets.hand_in})
endpoint(blp, "POST", f"{ONE_SHEET}/evidence", who="sheet.evidence", does=sheets.add_evidence,
         takes=schemas.AddedIn(), gives=SHEET)  # fmt: skip
endpoint(blp, "POST", f"{ONE_SHEET}/opinions", who="sheet.opinion", does=sheets.give_opinion,
         takes=schemas.OpinionIn(), gives=OPINION, creates="/opinions/{id}")  # fmt: skip
endpoint(blp, "GET", "/opinions/<uuid:opinion_id>", who="sheet.list", does=queries.opinion, gives=OPINION)
endpoint(blp, "PUT", f"{ONE_SHEET}/scores", who="sheet.score", does=sheets.score, takes=schemas.ScoresIn(),
         gives=SHEET, edits=None)  # fmt: skip
endpoint(blp, "PUT", f"{ONE_SHEET}/grade", who="sheet.grade", does=sheets.grade, takes=schemas.GradeIn(), gives=SHEET)

endpoint(blp, "POST", f"{ONE_SHEET}/reviews", who="review.create", does=reviews.request, takes=schemas.ReviewIn(),
         gives=REVIEW, creates="/reviews/{id}")  # fmt: skip
endpoint(blp, "GET", "/reviews", who="review.list", does=reviews.reviews, query=schemas.ReviewsAsked(), gives=REVIEW)
endpoint(blp, "GET", "/reviews/<uuid:review_id>", who="review.list", does=reviews.review, gives=REVIEW)
moving(blp, "reviews", states.REVIEW, REVIEW, {"answer": reviews.answer, "appeal": reviews.appeal,
       "decide": reviews.decide}, answer=TEXT, appeal=TEXT, decide=TEXT)  # fmt: skip
