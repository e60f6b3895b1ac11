"""What the gateway refuses, in the words of S3: a code, an HTTP status, a sentence.

Clients go by the code, so each is one that S3 has; `STATUS` says the status
that S3 gives it. Errors of the floors below are turned into these at the door.
"""

from headwater.access import KeyUnavailable, TokenExpired, TokenInvalid
from headwater.errors import Conflict, Corrupt, Error, Forbidden, InvalidInput, NotFound, Refused, Unavailable
from headwater.repos import BranchOwned, ProtectedRepo

STATUS = {
    "AccessDenied": 403,
    "AuthorizationHeaderMalformed": 400,
    "AuthorizationQueryParametersError": 400,
    "BadDigest": 400,
    "BucketAlreadyOwnedByYou": 409,
    "BucketNotEmpty": 409,
    "ConditionalRequestConflict": 409,
    "EntityTooLarge": 400,
    "EntityTooSmall": 400,
    "ExpiredToken": 400,
    "IncompleteBody": 400,
    "InternalError": 500,
    "InvalidAccessKeyId": 403,
    "InvalidArgument": 400,
    "InvalidBucketName": 400,
    "InvalidDigest": 400,
    "InvalidPart": 400,
    "InvalidPartNumber": 416,
    "InvalidPartOrder": 400,
    "InvalidRange": 416,
    "InvalidRequest": 400,
    "KeyTooLongError": 400,
    "MalformedXML": 400,
    "MaxMessageLengthExceeded": 400,
    "MethodNotAllowed": 405,
    "MissingContentLength": 411,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "NoSuchUpload": 404,
    "NotImplemented": 501,
    "NotModified": 304,
    "OperationAborted": 409,
    "PreconditionFailed": 412,
    "RequestTimeTooSkewed": 403,
    "RequestTimeout": 400,
    "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403,
    "XAmzContentSHA256Mismatch": 400,
}


class S3Refusal(Error):
    """A request over S3 is answered with an error."""

    kind = "gateway-refusal"

    def __init__(self, code: str, message: str) -> None:
        """Takes one of S3's codes and a sentence."""
        super().__init__(message, hint="The S3 documentation says what each code means.")
        self.code, self.status = code, STATUS[code]


class UploadsGone(Conflict):
    """A multipart upload ended while a request was about it."""

    kind = "upload-ended"

    def __init__(self, upload: str) -> None:
        """Names the upload."""
        super().__init__(
            f"The multipart upload {upload} has ended.", hint="Begin a new one with CreateMultipartUpload."
        )


def as_refusal(error: Error) -> S3Refusal:
    """Returns what S3 would say to an error of the floors below."""
    if isinstance(error, S3Refusal):
        return error
    text = f"{error.message} {error.hint}"
    return S3Refusal(_code(error), text)


def _code(error: Error) -> str:
    codes: list[tuple[type[Error], str]] = [
        (ProtectedRepo, "MethodNotAllowed"),
        (BranchOwned, "MethodNotAllowed"),
        (UploadsGone, "NoSuchUpload"),
        (TokenExpired, "ExpiredToken"),
        (TokenInvalid, "InvalidAccessKeyId"),
        (KeyUnavailable, "InternalError"),
        (Forbidden, "AccessDenied"),
        (Refused, "AccessDenied"),
        (InvalidInput, "InvalidArgument"),
        (NotFound, "NoSuchKey"),
        (Conflict, "OperationAborted"),
        (Unavailable, "ServiceUnavailable"),
        (Corrupt, "InternalError"),
    ]
    return next((code for kind, code in codes if isinstance(error, kind)), "InternalError")
