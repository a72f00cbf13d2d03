"""What starts runs, records them and tells people: plain Python over boto3, the same in AWS Lambda, in tests and on a laptop."""
