"""boto3, driven line by line: each line of standard input is one call, answered by one line of standard output.

in:  {"service", "endpoint", "facts": {header: value}, "call": "put_object", "arguments": {...}}
     bytes are {"base64": "..."}; "presign" (a client method's name) makes a URL instead of a call;
     "upload" is S3's managed upload (multipart above 5 MiB) of arguments Body, Bucket, Key
out: {"value": ...} or {"error": {"type", "code", "message", "status", "headers", "attempts"}}
"""
import base64
import io
import json
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from boto3.exceptions import S3UploadFailedError

CONFIG = Config(retries={'mode': 'standard', 'total_max_attempts': 2}, signature_version='v4',
                connect_timeout=5, read_timeout=10)
S3_CONFIG = CONFIG.merge(Config(signature_version='s3v4'))


def client(ask):
    made = boto3.client(ask['service'], region_name='eu-west-1', endpoint_url=ask['endpoint'],
                        aws_access_key_id='ignored', aws_secret_access_key='ignored',
                        config=S3_CONFIG if ask['service'] == 's3' else CONFIG)
    made.meta.events.register(
        'before-sign.*.*', lambda request, **_: [request.headers.add_header(*fact) for fact in ask['facts'].items()])
    return made


def from_json(value):
    if isinstance(value, dict):
        if list(value) == ['base64']:
            return base64.b64decode(value['base64'])
        return {name: from_json(item) for name, item in value.items()}
    return [from_json(item) for item in value] if isinstance(value, list) else value


def to_json(value):
    """Streams are read, bytes are Base64, event streams are lists."""
    if isinstance(value, dict):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, bytes):
        return {'base64': base64.b64encode(value).decode()}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if hasattr(value, 'read'):
        return to_json(value.read())
    return [to_json(item) for item in value] if hasattr(value, '__iter__') else str(value)


def perform(ask):
    made, arguments = client(ask), from_json(ask['arguments'])
    if ask['call'] == 'presign':
        return made.generate_presigned_url(arguments['method'], Params=arguments['parameters'])
    if ask['call'] == 'upload':
        parts = TransferConfig(multipart_threshold=5 * 1024 * 1024, multipart_chunksize=5 * 1024 * 1024)
        made.upload_fileobj(io.BytesIO(arguments['Body']), arguments['Bucket'], arguments['Key'], Config=parts)
        return None
    return getattr(made, ask['call'])(**arguments)


def describe(error):
    cause = error.__cause__ or error.__context__ or error
    response = getattr(error, 'response', None) or getattr(cause, 'response', None) or {}
    metadata = response.get('ResponseMetadata', {})
    return {
        'type': type(error).__name__, 'message': str(error), 'code': response.get('Error', {}).get('Code'),
        'status': metadata.get('HTTPStatusCode'), 'headers': metadata.get('HTTPHeaders', {}),
        'attempts': metadata.get('RetryAttempts', 0) + 1,
    }


for line in sys.stdin:
    try:
        answer = {'value': to_json(perform(json.loads(line)))}
    except (ClientError, BotoCoreError, S3UploadFailedError) as error:
        answer = {'error': describe(error)}
    print(json.dumps(answer), flush=True)
