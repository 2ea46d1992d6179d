namespace Adcp.Aot.AspNetCore;

/// <summary>
/// An error answer of JSON-RPC, with the codes of JSON-RPC 2.0 and A2A 1.0 (section 5.4). The message is for the
/// caller.
/// </summary>
internal sealed class RpcFault(int code, string message) : Exception(message)
{
    internal const int ParseError = -32700;
    internal const int InvalidRequest = -32600;
    internal const int MethodNotFound = -32601;
    internal const int InvalidParams = -32602;
    internal const int InternalError = -32603;
    internal const int ServerError = -32000;
    internal const int TaskNotFound = -32001;
    internal const int TaskNotCancelable = -32002;
    internal const int PushNotificationNotSupported = -32003;
    internal const int UnsupportedOperation = -32004;
    internal const int ExtensionSupportRequired = -32008;
    internal const int VersionNotSupported = -32009;

    internal int Code { get; } = code;

    internal static RpcFault NoTask() => new(TaskNotFound, "No such task.");

    internal static RpcFault NoConfig() => new(TaskNotFound, "No such push notification configuration.");

    internal static RpcFault Params(string message) => new(InvalidParams, message);
}
