namespace A2AStores;

/// <summary>An error answer of JSON-RPC. The message is for the caller.</summary>
internal sealed class RpcException(int code, string message) : Exception(message)
{
    public int Code { get; } = code;

    public static RpcException InvalidParams(string message) => new(-32602, message);

    public static RpcException TaskNotFound() => new(-32001, "Task not found");

    public static RpcException ConfigNotFound() => new(-32001, "Push notification configuration not found");
}
